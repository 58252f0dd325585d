"""What runs that were measured say of a forecast of time: a factor, and how far the next run may lie from it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

RUN_SPREAD = 0.05
"""Standard deviation of ln seconds between runs of one steady machine about a formula, each shape missed by its own amount."""
RUNS_BEFORE = 4
"""Runs whose scatter that is worth, against the scatter of those that were measured."""


@dataclass(frozen=True)
class Correction:
    """By what forecasts of seconds are multiplied.

    Attributes:
        factor: Measured over forecast seconds, as far as it is known.
        spread: Standard deviation of ln seconds of the next run.
        runs: How many it was learned from.
    """

    factor: float
    spread: float
    runs: int

    def interval(self, sigmas: float = 1.645) -> tuple[float, float]:
        """Between which factors the next run lies, by default in nine of ten cases."""
        slack = math.exp(sigmas * self.spread)
        return self.factor / slack, self.factor * slack


def correction(ratios: Sequence[float], spread: float, drift: float = 0.0) -> Correction:
    """The factor learned from measured over forecast seconds of runs.

    One factor is common to all runs; each run misses it by `RUN_SPREAD` and by the machine's drift, or by more where the runs
    scatter more: the posterior of a normal mean, the variance pooled of what is expected and what is seen. Without runs it
    is 1.

    Args:
        ratios: Measured over forecast seconds, of each run.
        spread: Standard deviation of ln seconds about the forecasts, before any run, on a machine that does not drift.
        drift: Standard deviation of ln seconds of one training between the moments of this machine.
    """
    common = math.sqrt(max(spread**2 - RUN_SPREAD**2, 0.0))
    logs = [math.log(ratio) for ratio in ratios]
    expected = RUN_SPREAD**2 + drift**2
    scatter = sum((log - sum(logs) / len(logs)) ** 2 for log in logs)
    pooled = (RUNS_BEFORE * expected + scatter) / (RUNS_BEFORE + max(len(logs) - 1, 0))
    each = math.sqrt(max(expected, pooled))
    precision = len(logs) / each**2 + (1 / common**2 if common > 0 else math.inf)
    mean = sum(logs) / each**2 / precision
    return Correction(math.exp(mean), math.sqrt(1 / precision + each**2), len(logs))
