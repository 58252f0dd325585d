"""Steps of two small models, timed for the probe of a processor: one of much elementwise work, one of much multiplication."""

from collections.abc import Sequence

import torch

from scalewright.architectures.llama import LlamaShape
from scalewright.machines.machine import TrainingStep
from scalewright.machines.precision import Precision
from scalewright.machines.timing import Timing
from scalewright.planning.recipe import Recipe
from scalewright.tasks.language import Language
from scalewright.tasks.task import Batch, Feed
from scalewright.training.configuration import Trunk
from scalewright.training.timed_steps import timed_steps
from scalewright.training.trainer import Trainer

MODELS = (
    (LlamaShape(vocabulary=2048, context=256, depth=4, width=96, head_size=16, hidden=256), 8),
    (LlamaShape(vocabulary=2048, context=128, depth=4, width=384, head_size=64, hidden=1024), 8),
)
"""Shapes and sequences of a step."""
_ROUNDS, _SECONDS = 3, 0.2


class DrawnTokens(Language):
    """The task of language on tokens that are drawn at random: they do not matter to the time of a step."""

    def batches(self, dataset: None, shape: LlamaShape, batch_size: int, seed: int, unique_tokens: int | None) -> Feed:  # type: ignore[override]
        """Of a batch's own number and rows."""

        def batch(step: int, first: int = 0, count: int | None = None) -> Batch:
            generator = torch.Generator().manual_seed(seed + step)
            rows = batch_size if count is None else count
            return (torch.randint(shape.vocabulary, (rows, shape.context + 1), generator=generator),)

        return batch


def reference_steps(threads: int, precisions: Sequence[Precision]) -> tuple[TrainingStep, ...]:
    """Seconds of eager steps on so many threads; the models in rounds, so that no moment decides."""
    torch.set_num_threads(threads)
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


def _trainer(shape: LlamaShape, sequences: int, precision: Precision, threads: int) -> Trainer:
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
    )
    return Trainer(trunk, DrawnTokens(), None, "cpu")  # type: ignore[arg-type]
