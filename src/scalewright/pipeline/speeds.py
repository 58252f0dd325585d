"""How fast the project's models train on this machine: measured before anything is planned."""

from collections.abc import Sequence

import numpy as np

from scalewright.architectures import LlamaFamily, LlamaShape
from scalewright.data import Dataset
from scalewright.ledger import Run
from scalewright.machines.speed import MeasuredSpeed, Speed, Speeds
from scalewright.planning import first_guess, nearest_shape
from scalewright.studies import Executor, SpeedJob, time_job

TIMED_SECONDS = 0.8
"""Of each shape."""
LADDER_SHARES = (1 / 16, 1 / 4)
FINAL_SHARES = (1 / 3, 1.0, 3.0)
"""Sizes that are timed, over the first guess of the final one."""


def time_models(
    family: LlamaFamily,
    params: float,
    *,
    task: str,
    dataset: Dataset,
    precision: str,
    threads: int,
    batch_size: int,
    executor: Executor,
) -> Speeds:
    """Times training steps at sizes around `params`: side by side as in the ladder, then, of widths that are planned, alone on
    the whole machine."""

    def job(shape: LlamaShape, of_threads: int) -> SpeedJob:
        return SpeedJob(task, shape, batch_size, precision, of_threads, dataset.folder, TIMED_SECONDS)

    def shapes(shares: Sequence[float]) -> list[LlamaShape]:
        chosen: list[LlamaShape] = []
        for share in shares:
            chosen.append(nearest_shape(family, share * params, chosen[-1].width if chosen else 0))
        return chosen

    def planned(shapes: Sequence[LlamaShape]) -> list[LlamaShape]:
        widths: list[int] = []
        for shape in shapes:
            nearest, last = family.planned(shape.width), widths[-1] if widths else 0
            widths.append(nearest if nearest > last else next(wider for wider in family.widths() if wider > last))
        return [family.shape(width) for width in widths]

    side_by_side = [job(shape, 1) for shape in shapes(LADDER_SHARES) for _ in range(executor.workers)]
    slowest: dict[float, MeasuredSpeed] = {}
    for _, timed in executor.run(time_job, side_by_side, lambda tick: None):
        known = slowest.get(timed.flops_per_token, timed)
        slowest[timed.flops_per_token] = min(known, timed, key=lambda speed: speed.tokens_per_second)
    alone = [time_job(job(shape, threads)) for shape in planned(shapes(FINAL_SHARES))]
    return Speeds(
        ladder=Speed(
            precision=precision,
            threads=1,
            beside=executor.workers - 1,
            batch_size=batch_size,
            points=tuple(slowest.values()),
        ),
        final=Speed(precision=precision, threads=threads, beside=0, batch_size=batch_size, points=tuple(alone)),
    )


def ladder_drift(runs: Sequence[Run], speed: Speed) -> float:
    """How fast the ladder's longer runs went, over the speed timed before them; at most 1.

    The timing lasts a second, the runs minutes: a machine that other work slows down, now and then, shows in them.
    """
    work = {run.id: run.configuration["shape"] for run in runs}
    ratios = [
        run.tokens_per_second / speed.tokens_per_second(LlamaShape.model_validate(work[run.id]).train_flops_per_token)
        for run in runs
    ]
    return min(1.0, float(np.median(ratios)))


def compute_in(seconds: float, family: LlamaFamily, speed: Speed, flops: float) -> float:
    """FLOPs that `seconds` give the model that they suit, by iteration from a rough `flops`."""
    for _ in range(10):
        cost = nearest_shape(family, first_guess(flops)[0]).train_flops_per_token
        flops = seconds * speed.tokens_per_second(cost) * cost
    return flops


def seconds_for(flops: float, family: LlamaFamily, speed: Speed) -> float:
    """Seconds that `flops` take the model that they suit."""
    cost = nearest_shape(family, first_guess(flops)[0]).train_flops_per_token
    return flops / cost / speed.tokens_per_second(cost)
