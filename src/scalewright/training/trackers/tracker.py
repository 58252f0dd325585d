"""What an experiment tracker is told of a run."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import Literal, Self

Status = Literal["finished", "stopped", "failed"]
Value = str | int | float | bool | None
Configuration = Mapping[str, Value]
"""What was chosen, by dotted names."""

FINAL = "final/"
"""Stands before the names of what is measured at the end, apart from what each step tells."""


class Tracker(ABC):
    """Hears of one run at a time; a context manager, which ends the run that an exception leaves open.

    A run begun again under its address goes on where it was: the same run to whoever looks at it.
    """

    @abstractmethod
    def begin(self, run: str, configuration: Configuration) -> None:
        """Opens the run at an address, new or gone on with."""

    @abstractmethod
    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Takes note of values after so many steps; steps ascend."""

    @abstractmethod
    def end(self, status: Status, metrics: Mapping[str, float]) -> None:
        """Closes the run with what was measured at its end; does nothing where none is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(status_of(kind), {})


class NoTracker(Tracker):
    """Hears and says nothing."""

    def begin(self, run: str, configuration: Configuration) -> None:
        """Does nothing."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Does nothing."""

    def end(self, status: Status, metrics: Mapping[str, float]) -> None:
        """Does nothing."""


def status_of(kind: type[BaseException] | None) -> Status:
    """How a block ended: stopped is what the user or the system did to it."""
    if kind is None:
        return "finished"
    return "failed" if issubclass(kind, Exception) else "stopped"
