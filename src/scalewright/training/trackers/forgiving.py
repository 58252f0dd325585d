"""A tracker whose failure is a warning."""

from collections.abc import Callable, Mapping

from scalewright.training.trackers.tracker import Configuration, Status, Tracker


class Forgiving(Tracker):
    """Hands on to a tracker until it fails; then warns once and tells it no more: hours of training do not hang on a server.

    Args:
        tracker: what may fail.
        name: what the warning calls it.
        warn: hears of the failure.
    """

    def __init__(self, tracker: Tracker, name: str, warn: Callable[[str], None]) -> None:
        self._tracker, self._name, self._warn = tracker, name, warn
        self._failed = False

    def begin(self, run: str, configuration: Configuration) -> None:
        """Begins the run; after a failure, tries anew."""
        self._failed = False
        self._try(lambda: self._tracker.begin(run, configuration))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Tells it, unless it failed."""
        self._try(lambda: self._tracker.log(step, values))

    def end(self, status: Status, metrics: Mapping[str, float]) -> None:
        """Ends the run, unless it failed."""
        self._try(lambda: self._tracker.end(status, metrics))

    def _try(self, tell: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            tell()
        except Exception as error:
            self._failed = True
            said = str(error).strip().partition("\n")[0] or type(error).__name__
            self._warn(
                f"tracker {self._name}: {said}: it is told no more of this run, which goes on; the ledger keeps its steps"
            )
