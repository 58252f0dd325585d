"""Steps into the ledger's own log."""

from collections.abc import Mapping
from pathlib import Path

from scalewright.ledger import Ledger, MetricLog
from scalewright.training.trackers.tracker import FINAL, Configuration, Status, Tracker


class LedgerTracker(Tracker):
    """Writes steps into a ledger, in bundles. Configuration and status are those of the run's row, once it is finished.

    Args:
        ledger: an open one, left open; or the path or URL of one, opened for each run.
    """

    def __init__(self, ledger: Ledger | str | Path) -> None:
        self._where = ledger
        self._opened: Ledger | None = None
        self._log: MetricLog | None = None
        self._last: int | None = None

    def begin(self, run: str, configuration: Configuration) -> None:
        """Begins with the next step: it and all after it take the place of what the run told of them before."""
        ledger = self._where
        if not isinstance(ledger, Ledger):
            ledger = self._opened = Ledger.open(ledger)
        self._log, self._last = MetricLog(ledger, run), None

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Takes note of a step.

        Raises:
            InputError: a value is not a finite number.
        """
        if self._log is not None:
            self._log.log(step, **values)
            self._last = step

    def end(self, status: Status, metrics: Mapping[str, float]) -> None:
        """Writes what is waiting, the last metrics with the last step."""
        log, opened = self._log, self._opened
        self._log = self._opened = None
        try:
            if log is not None and self._last is not None:
                log.log(self._last, **{f"{FINAL}{name}": value for name, value in metrics.items()})
                log.flush()
        finally:
            if opened is not None:
                opened.close()
