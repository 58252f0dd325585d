"""One tracker that is several."""

from collections.abc import Mapping
from contextlib import ExitStack

from scalewright.training.trackers.tracker import Configuration, Status, Tracker


class Several(Tracker):
    """Hands on to each tracker in turn."""

    def __init__(self, *trackers: Tracker) -> None:
        self._trackers = trackers

    def begin(self, run: str, configuration: Configuration) -> None:
        """Begins the run in each."""
        for tracker in self._trackers:
            tracker.begin(run, configuration)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Tells each."""
        for tracker in self._trackers:
            tracker.log(step, values)

    def end(self, status: Status, metrics: Mapping[str, float]) -> None:
        """Ends the run in each, in those after one that fails too."""
        with ExitStack() as stack:
            for tracker in reversed(self._trackers):
                stack.callback(tracker.end, status, metrics)
