"""What a task is: how its data become batches, its model a loss, its loss a number that can be forecast."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from torch import Tensor, nn

from scalewright.architectures import LlamaFamily, LlamaShape
from scalewright.data import Dataset, PrepareProgress, Sources
from scalewright.documents import Reason
from scalewright.laws import Supply
from scalewright.models import Llama
from scalewright.models.parametrisation import Roles
from scalewright.planning.recipe import PLAIN, Objective, Recipe

Batch = tuple[Tensor, ...]
"""Of one step: rows of each tensor belong together."""


class Scores(NamedTuple):
    """What a model reaches on a split: the loss that laws forecast, and what else people ask for, by name."""

    loss: float
    metrics: Mapping[str, float] = MappingProxyType({})


class Rates(NamedTuple):
    """AdamW's learning rate and weight decay, and why."""

    learning_rate: float
    weight_decay: float
    reasons: Mapping[str, Reason]


@dataclass(frozen=True)
class Expected:
    """What preparing will come to."""

    bytes: int
    supply: Supply
    """Tokens of the training split."""
    vocabulary: int

    @property
    def tokens(self) -> int:
        """Of the training split, all sources together."""
        return sum(self.supply.tokens)


class Feed(Protocol):
    """Training batches."""

    def __call__(self, step: int, first: int = 0, count: int | None = None) -> Batch:
        """The batch of a step, or `count` of its rows from row `first` on, of which alone it costs the making.

        A pure function: resuming needs no state.
        """


@dataclass(frozen=True)
class HeldOut:
    """A held-out split in batches, each made when it is asked for."""

    count: int
    batch: Callable[[int], Batch]
    """That of a number, 0 to `count` - 1, in the order of the split."""


class Prepared(Protocol):
    """Data made ready in a folder."""

    @property
    def folder(self) -> Path:
        """Where they lie."""

    @property
    def hash(self) -> str:
        """Identifies what a model sees."""

    @property
    def supply(self) -> Supply:
        """Of the training split, in the unit of the task's data: what there is, and in which shares."""

    @property
    def tokenizer_hash(self) -> str | None:
        """Of what turned text into numbers; None where data are no text."""

    @property
    def sources(self) -> Sequence[tuple[str, float, "Prepared"]]:
        """Of a mixture: name, share of what is trained on, and data of each source; else none."""


class Trainable(Protocol):
    """What the trainer works with; it knows nothing else of a task. Shapes, models and data are those of the task."""

    name: str
    loss_unit: str
    """Unit of the loss that the law forecasts."""
    supervised: bool
    """Whether what counts as data are distinct examples: seen again they are no further data."""

    def open(self, folder: Path) -> Prepared:
        """Prepared data."""

    def shape(self, dataset: Any, model: Mapping[str, Any]) -> Any:
        """The shape of a model that is described by hand, for these data.

        Raises:
            InputError: the description has a word that does not fit.
        """

    def rates(self, shape: Any, tokens: float, steps: int, learning_rate: float | None) -> Rates:
        """What AdamW is set to where nothing is given but maybe the learning rate, for so many tokens in so many steps."""

    def save(self, model: Any, dataset: Any, folder: Path, card: Mapping[str, Any]) -> None:
        """Writes a trained model, for those who use it, and where it comes from."""

    def build(self, shape: Any, dropout: float | None = None) -> nn.Module:
        """A model of a shape, its weights not yet drawn; without a `dropout` it has what it was published with."""

    def roles(self, model: Any, recipe: Recipe) -> Roles:
        """What each of its weights does: how it begins and how fast it moves."""

    def batches(self, dataset: Any, shape: Any, batch_size: int, seed: int, unique_tokens: int | None) -> Feed:
        """The batch of each step."""

    def inputs(self, batch: Batch) -> Tensor:
        """What the model is given of a batch."""

    def objective(self, outputs: Tensor, batch: Batch, beside: Objective = PLAIN) -> Tensor:
        """Mean training loss of what the model made of a batch, to be differentiated; by default the cross-entropy alone."""

    def loss_in_parts(self, model: Any, batch: Batch, beside: Objective, parts: int) -> Tensor:
        """The same of a model's outputs, which are made for a part of the rows at a time where they are large."""

    def held_out(self, dataset: Any, shape: Any, split: str) -> HeldOut:
        """A held-out split."""

    def measures(self, outputs: Tensor, batch: Batch) -> Mapping[str, float]:
        """Means over a batch's rows: `loss` in `loss_unit`, and what else people ask for."""


class Task(Trainable, Protocol):
    """What the whole line works with: data prepared, sizes laid out."""

    def open(self, folder: Path) -> Dataset:
        """Prepared text."""

    def build(self, shape: LlamaShape, dropout: float | None = None) -> Llama:
        """The trunk."""

    def prepare(
        self,
        sources: Sources,
        out: Path,
        *,
        base: Path,
        tokenizer: str,
        seed: int,
        progress: PrepareProgress,
    ) -> Dataset:
        """Reads `sources`, makes them ready for training in the folder `out`."""

    def expect(self, sources: Sources, *, base: Path, tokenizer: str) -> Expected:
        """What `prepare` would come to, from the sizes of the files alone."""

    def family(self, vocabulary: int, context: int, grain: int = 1) -> LlamaFamily:
        """The shapes that this task trains on data of this vocabulary; `grain` as of the family."""
