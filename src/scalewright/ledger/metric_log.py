"""What a run tells on its way, written to its ledger in bundles."""

import time
from types import TracebackType
from typing import Self

from scalewright.ledger.ledger import Ledger

BUNDLE_ROWS, BUNDLE_SECONDS = 1000, 5.0
"""A bundle is one transaction, and so one wait for the disk: at most this much is lost to a kill. The resumed run tells it
again from its last checkpoint on."""


class MetricLog:
    """The steps of one run; a context manager. One writer for a run at a time.

    The first step takes the place of what the run told of it, and of all after it, before: a run goes on from a checkpoint.

    Args:
        ledger: Where they are kept.
        run: Address of the run.
    """

    def __init__(self, ledger: Ledger, run: str) -> None:
        self._ledger, self._run = ledger, run
        self._rows: list[tuple[int, str, float]] = []
        self._written = time.monotonic()
        self._step: int | None = None
        self._going_on = False

    def log(self, step: int, **values: float) -> None:
        """Takes note of values after so many steps. Steps ascend; one that does not is gone back to, and told anew from there.

        Raises:
            InputError: a value is not a finite number.
        """
        if self._step is not None and step < self._step:
            self.flush()
            self._going_on = False
        self._step = step
        self._rows += [(step, name, float(value)) for name, value in values.items()]
        if len(self._rows) >= BUNDLE_ROWS or time.monotonic() - self._written > BUNDLE_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Writes what is waiting."""
        if self._rows:
            self._ledger.record_metrics(self._run, self._rows, going_on=self._going_on)
            self._going_on = True
        self._rows, self._written = [], time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()
