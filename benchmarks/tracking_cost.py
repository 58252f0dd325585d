"""What it costs training to be told to each tracker that is installed.

Two figures for each: what one step costs that is told, three values, bundles included, and what share of the time of steps of
50 ms telling takes in the end, where every step is asked for and those are left out that would come to more than 1 % of it.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from scalewright.errors import InputError
from scalewright.training.trackers import NoTracker, Tracked, Tracker, tracker_named
from scalewright.training.trackers.tracker import Configuration, Status

NAMES = ("none", "ledger:ledger.db", "tensorboard:logs", "mlflow:sqlite:///mlflow.db", "wandb:cost")
STEPS, STEP_SECONDS = 600, 0.05
CONFIGURATION: Configuration = {"params": 1_000_000, "precision": "bf16"}


class Cost(NamedTuple):
    """Seconds."""

    begin: float
    each: float
    """Of a step that is told; where none was, of all."""
    told: int
    share: float
    """Of the time between the first step and the last."""
    end: float


class _Clocked(Tracker):
    """A tracker, and how long telling took."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker, self.seconds, self.told = tracker, 0.0, 0

    def begin(self, run: str, configuration: Configuration) -> None:
        self._tracker.begin(run, configuration)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        before = time.perf_counter()
        self._tracker.log(step, values)
        self.seconds += time.perf_counter() - before
        self.told += 1

    def end(self, status: Status, metrics: Mapping[str, float]) -> None:
        self._tracker.end(status, metrics)


def cost(tracker: Tracker) -> Cost:
    """Goes through steps that are told as a training's are."""
    clocked = _Clocked(tracker)
    with Tracked(clocked, "0123456789abcdef", CONFIGURATION, learning_rate=lambda step: 1e-3, every=1) as progress:
        before = time.perf_counter()
        progress.step(1, STEPS, 2.5, 1e4)
        first = time.perf_counter()
        clocked.seconds, clocked.told, telling = 0.0, 0, 0.0
        for step in range(2, STEPS + 1):
            time.sleep(STEP_SECONDS)  # what a tracker does in threads of its own is done here
            begun = time.perf_counter()
            progress.step(step, STEPS, 2.5, 1e4)
            telling += time.perf_counter() - begun
        over = time.perf_counter()
        progress.finish({"validation_loss": 2.5})
        return Cost(
            begin=first - before,
            each=clocked.seconds / max(1, clocked.told),
            told=clocked.told,
            share=telling / (over - first),
            end=time.perf_counter() - over,
        )


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
                f"{name.partition(':')[0]:12} {found.share:.3%} of steps of 50 ms (bar: 1 %); {found.told} of {STEPS - 1} "
                f"told, {1e6 * found.each:.1f} us each; begin {found.begin:.2f} s, end {found.end:.2f} s, once"
            )
