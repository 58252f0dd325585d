"""What it costs a step to be told to each tracker that is installed.

Each is told three values a step for 12 seconds, bundles included. The share is that of a step of 50 ms where every step is
told; training tells fewer wherever that would come to more than 1 % of its time.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

from scalewright.errors import InputError
from scalewright.training.trackers import NoTracker, Tracked, Tracker, tracker_named

NAMES = ("none", "ledger:ledger.db", "tensorboard:logs", "mlflow:sqlite:///mlflow.db", "wandb:cost")
SECONDS, STEP_SECONDS = 12.0, 0.05
VALUES = {"train_loss": 2.5, "tokens_per_second": 1e4, "learning_rate": 1e-3}
CONFIGURATION = {"params": 1_000_000, "precision": "bf16"}


class Cost(NamedTuple):
    """Seconds."""

    median: float
    mean: float
    """Bundles included."""
    begin: float
    end: float


def cost(tracker: Tracker) -> Cost:
    """Tells as many steps as there is time for, a little of a step of training between any two."""
    began = time.perf_counter()
    tracker.begin("0123456789abcdef", CONFIGURATION)
    tracker.log(0, VALUES)
    opened = time.perf_counter()
    told: list[float] = []
    while time.perf_counter() - opened < SECONDS:
        time.sleep(STEP_SECONDS / 10)  # what a tracker does in threads of its own is done here
        before = time.perf_counter()
        tracker.log(len(told) + 1, VALUES)
        told.append(time.perf_counter() - before)
    before = time.perf_counter()
    tracker.end("finished", {"validation_loss": 2.5})
    return Cost(median(told), fmean(told), opened - began, time.perf_counter() - before)


def tracked_cost(steps: int = 200_000) -> float:
    """Seconds of each step in which nothing is told: what every step of training pays."""
    with Tracked(NoTracker(), "a", CONFIGURATION, every=steps) as progress:
        before = time.perf_counter()
        for step in range(1, steps + 1):
            progress.step(step, steps, 2.5, 1e4)
        return (time.perf_counter() - before) / steps


def tracking_lines() -> Iterator[str]:
    """A line for each tracker."""
    yield f"a step not told: {1e6 * tracked_cost():.2f} us"
    with tempfile.TemporaryDirectory() as folder:
        for name in NAMES:
            try:
                tracker = tracker_named(name, base=Path(folder))
            except InputError as error:
                yield str(error)
                continue
            found = cost(tracker)
            yield (
                f"{name.partition(':')[0]:12} {1e6 * found.mean:7.1f} us a step, {found.mean / STEP_SECONDS:.3%} of 50 ms "
                f"(bar: 1 %; median {1e6 * found.median:.1f} us; begin {found.begin:.2f} s, end {found.end:.2f} s, once)"
            )
