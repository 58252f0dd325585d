"""What a task is: how its data become batches, its model a loss, its loss a number that can be forecast."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor

from scalewright.architectures import LlamaFamily, LlamaShape
from scalewright.data import Dataset, PrepareProgress
from scalewright.models import Llama


@dataclass(frozen=True)
class Expected:
    """What preparing will come to."""

    bytes: int
    tokens: int
    """Of the training split."""
    vocabulary: int


class Task(Protocol):
    """Everything above a task works with this and knows nothing else of it."""

    name: str
    loss_unit: str
    """Unit of the loss that the law forecasts."""

    def prepare(
        self,
        sources: Sequence[str | Path],
        out: Path,
        *,
        base: Path,
        tokenizer: str,
        seed: int,
        progress: PrepareProgress,
    ) -> Dataset:
        """Reads `sources`, makes them ready for training in the folder `out`."""

    def expect(self, sources: Sequence[str | Path], *, base: Path, tokenizer: str) -> Expected:
        """What `prepare` would come to, from the sizes of the files alone."""

    def family(self, vocabulary: int, context: int) -> LlamaFamily:
        """The shapes that this task trains on data of this vocabulary."""

    def build(self, shape: LlamaShape) -> Llama:
        """A model of a shape, its weights not yet drawn."""

    def batches(
        self, dataset: Dataset, shape: LlamaShape, batch_size: int, seed: int, unique_tokens: int | None
    ) -> Callable[[int], Tensor]:
        """The batch of each step: a pure function of the step, so that resuming needs no state."""

    def loss(self, model: Llama, batch: Tensor) -> Tensor:
        """Mean training loss of a batch, to be differentiated."""

    def evaluate(self, model: Llama, dataset: Dataset, split: str, precision: str) -> float:
        """Mean loss on a held-out split, in `loss_unit`."""
