"""Losses that leap: batches that throw a model back (Chowdhery et al. 2022, arXiv:2204.02311, section 5.1)."""

import statistics
from collections.abc import Sequence

RECENT = 100
"""Losses that a new one is held against; before there are so many, none is a spike."""


class SpikeWatch:
    """Tells a leap from the usual scatter.

    Args:
        deviations: Standard deviations of the recent losses above their mean, from which on a loss is a spike.
    """

    def __init__(self, deviations: float) -> None:
        self._deviations = deviations
        self._recent: list[float] = []

    def bound(self) -> float:
        """The loss from which on a step is a spike."""
        if len(self._recent) < RECENT:
            return float("inf")
        mean = statistics.fmean(self._recent)
        return mean + self._deviations * statistics.stdev(self._recent, mean)

    def hear(self, loss: float) -> None:
        """Takes note of the loss of a step that was none."""
        self._recent = [*self._recent[1 - RECENT :], loss]

    def state(self) -> list[float]:
        """For a checkpoint."""
        return list(self._recent)

    def go_on(self, state: Sequence[float]) -> None:
        """From a checkpoint."""
        self._recent = list(state)


class NoSpikes:
    """Every loss that is a number is taken as it comes."""

    def bound(self) -> float:
        """None is too high."""
        return float("inf")

    def hear(self, loss: float) -> None:
        """Nothing to note."""

    def state(self) -> list[float]:
        """Nothing."""
        return []

    def go_on(self, state: Sequence[float]) -> None:
        """Nothing."""
