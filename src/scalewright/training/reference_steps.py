"""Steps of two small models, timed for the probe of a processor: one of much elementwise work, one of much multiplication."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

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
_ROUNDS, _SECONDS = 3, 0.2
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


def reference_steps(threads: int, precisions: Sequence[Precision], compiled: bool = False) -> tuple[TrainingStep, ...]:
    """Seconds of steps on so many threads: eager ones of all models in rounds, so that no moment decides, or compiled ones of
    the first model alone, for compiling takes half a minute each time."""
    torch.set_num_threads(threads)
    if compiled:
        return tuple(_compiled_step(*MODELS[0], precision, threads) for precision in precisions)
    trainers = {
        (number, precision): _trainer(shape, sequences, precision, threads)
        for number, (shape, sequences) in enumerate(MODELS)
        for precision in precisions
    }
    timings = {case: Timing(()) for case in trainers}
    for number in range(_ROUNDS):
        for case, trainer in trainers.items():
            timings[case] += Timing(tuple(timed_steps(trainer, _SECONDS, least=1, warm=number == 0)))
    return tuple(
        TrainingStep(
            precision=precision,
            shape=MODELS[number][0],
            sequences=MODELS[number][1],
            seconds=timing.seconds,
            spread=timing.spread,
        )
        for (number, precision), timing in timings.items()
    )


def _compiled_step(shape: LlamaShape, sequences: int, precision: Precision, threads: int) -> TrainingStep:
    with _no_kernels():
        trainer = _trainer(shape, sequences, precision, threads, compiled=True)
        trainer.advance(Still())
        first = trainer.seconds
    timing = Timing(tuple(timed_steps(trainer, _ROUNDS * _SECONDS, least=_ROUNDS, warm=1)))
    return TrainingStep(
        precision=precision,
        shape=shape,
        sequences=sequences,
        seconds=timing.seconds,
        spread=timing.spread,
        compiled=True,
        startup_seconds=max(0.0, first - timing.seconds),
    )


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
