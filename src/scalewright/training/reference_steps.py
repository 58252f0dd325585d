"""Steps of two small models, timed for the probe of a processor: one of much elementwise work, one of much multiplication."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch

from scalewright.architectures.llama import LlamaShape
from scalewright.machines.machine import TrainingStep
from scalewright.machines.precision import Precision
from scalewright.machines.timing import Timing
from scalewright.planning.recipe import Recipe
from scalewright.tasks.language import Language
from scalewright.tasks.task import Batch, Feed
from scalewright.training.configuration import Trunk
from scalewright.training.timed_steps import Still, timed_steps
from scalewright.training.trainer import Trainer

MODELS = (
    (LlamaShape(vocabulary=2048, context=256, depth=4, width=96, head_size=16, hidden=256), 8),
    (LlamaShape(vocabulary=2048, context=128, depth=4, width=384, head_size=64, hidden=1024), 8),
)
"""Shapes and sequences of a step."""
_SECONDS = 0.2
_KERNELS = "TORCHINDUCTOR_CACHE_DIR"


class DrawnTokens(Language):
    """The task of language on tokens that are drawn at random: they do not matter to the time of a step."""

    def batches(self, dataset: None, shape: LlamaShape, batch_size: int, seed: int, unique_tokens: int | None) -> Feed:  # type: ignore[override]
        """Of a batch's own number and rows."""

        def batch(step: int, first: int = 0, count: int | None = None) -> Batch:
            generator = torch.Generator().manual_seed(seed + step)
            rows = batch_size if count is None else count
            return (torch.randint(shape.vocabulary, (rows, shape.context + 1), generator=generator),)

        return batch


@dataclass
class _Timed:
    trainer: Trainer
    shape: LlamaShape
    sequences: int
    startup_seconds: float | None = None
    rounds: list[Timing] = field(default_factory=list)

    def step(self) -> TrainingStep:
        medians = [timing.seconds for timing in self.rounds]
        return TrainingStep(
            precision=self.trainer.trunk.recipe.precision,
            shape=self.shape,
            sequences=self.sequences,
            seconds=float(np.mean(medians)),
            spread=sum(self.rounds, Timing(())).spread,
            drift=float(np.std(np.log(medians), ddof=1)) if len(medians) > 1 else 0.0,
            compiled=self.startup_seconds is not None,
            startup_seconds=self.startup_seconds or 0.0,
        )


class ReferenceSteps:
    """A timer of steps on so many threads: eager ones of all models in all precisions, and what is compiled besides."""

    def __init__(self, threads: int, precisions: Sequence[Precision]) -> None:
        self.threads = threads
        torch.set_num_threads(threads)
        self._timed = [
            _Timed(_trainer(shape, sequences, precision, threads), shape, sequences)
            for shape, sequences in MODELS
            for precision in precisions
        ]

    def time(self) -> None:
        """One round: some steps of each, the others between, so that no moment decides."""
        for timed in self._timed:
            steps = timed_steps(timed.trainer, _SECONDS, least=1, warm=0 if timed.rounds else 1)
            timed.rounds.append(Timing(tuple(steps)))

    def compile(self, precision: Precision) -> None:
        """The first model, its cache of kernels empty. The first alone, for it takes half a minute."""
        shape, sequences = MODELS[0]
        # Nor is anything left of an earlier probe of this process.
        torch.compiler.reset()
        with _no_kernels():
            timed = _Timed(_trainer(shape, sequences, precision, self.threads, compiled=True), shape, sequences)
            timed.trainer.advance(Still())
        first = timed.trainer.seconds
        timed.startup_seconds = max(0.0, first - timed_steps(timed.trainer, 0.0, least=1, warm=1)[0])
        self._timed.append(timed)

    def found(self) -> tuple[TrainingStep, ...]:
        """The models in order, the compiled one last."""
        return tuple(timed.step() for timed in self._timed)


@contextmanager
def _no_kernels() -> Iterator[None]:
    """A cache of compiled kernels that is empty, as a training on a new machine finds it."""
    earlier = os.environ.get(_KERNELS)
    with tempfile.TemporaryDirectory() as empty:
        os.environ[_KERNELS] = empty
        try:
            yield
        finally:
            if earlier is None:
                del os.environ[_KERNELS]
            else:
                os.environ[_KERNELS] = earlier


def _trainer(shape: LlamaShape, sequences: int, precision: Precision, threads: int, compiled: bool = False) -> Trainer:
    recipe = Recipe(
        learning_rate=1e-4,
        base_width=shape.width,
        base_depth=shape.depth,
        batch_size=sequences,
        warmup_steps=1,
        precision=precision,
    )
    trunk = Trunk(
        task="language",
        shape=shape,
        recipe=recipe,
        data_hash="",
        seed=0,
        horizons=(1,),
        threads=threads,
        compiled=compiled,
    )
    return Trainer(trunk, DrawnTokens(), None, "cpu")  # type: ignore[arg-type]
