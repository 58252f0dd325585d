"""A loop's progress, told to a tracker as well."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from scalewright.training.progress import NoProgress, Progress
from scalewright.training.trackers.tracker import Configuration, Tracker, status_of

POINTS = 2000
"""That are told of a whole run, about: more than a curve needs, and little to keep."""
SHARE = 0.008
"""Of the time since the first step, that telling may have taken; steps are left out while it has taken more. With what
the others cost, it stays below 1 %."""


class Tracked:
    """Progress that a tracker hears of: the first step, the last, and of those between every n-th while that costs little.

    A context manager: a run left by an exception is ended as failed, or as stopped by Ctrl-C. The run is begun at its first
    step: one that was finished before tells nothing, unless `finish` is called.

    Args:
        tracker: what hears of the run.
        run: its address.
        configuration: what was chosen, by dotted names.
        progress: hears of each step as well.
        learning_rate: of each step, counted from 0; left out where None.
        every: steps between two that are told; None: so that a run has about 2,000.
    """

    def __init__(
        self,
        tracker: Tracker,
        run: str,
        configuration: Configuration,
        *,
        progress: Progress | None = None,
        learning_rate: Callable[[int], float] | None = None,
        every: int | None = None,
    ) -> None:
        self._tracker, self._run, self._configuration = tracker, run, configuration
        self._progress = progress or NoProgress()
        self._learning_rate, self._every = learning_rate, every
        self._began: float | None = None
        self._spent = 0.0
        self._ended = False

    def step(self, step: int, total: int, loss: float, tokens_per_second: float) -> None:
        """Hands a step on, and tells it where it is due."""
        self._progress.step(step, total, loss, tokens_per_second)
        first = self._began is None
        began = self._begin()
        now = time.perf_counter()
        every = self._every or max(1, total // POINTS)
        if not (first or step == total or (step % every == 0 and self._spent <= SHARE * (now - began))):
            return
        values = {"train_loss": loss, "tokens_per_second": tokens_per_second}
        if self._learning_rate is not None:
            values["learning_rate"] = self._learning_rate(step - 1)
        self._tracker.log(step, values)
        if not first:  # which may open files or connections, once
            self._spent += time.perf_counter() - now

    def say(self, text: str) -> None:
        """Hands it on."""
        self._progress.say(text)

    def warn(self, text: str) -> None:
        """Hands it on."""
        self._progress.warn(text)

    def finish(self, metrics: Mapping[str, float]) -> None:
        """Ends the run with what was measured at its end."""
        self._begin()
        self._ended = True
        self._tracker.end("finished", metrics)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._began is not None and not self._ended:
            self._tracker.end(status_of(kind), {})

    def _begin(self) -> float:
        if self._began is None:
            self._tracker.begin(self._run, self._configuration)
            self._began = time.perf_counter()
        return self._began
