"""How long a call takes: the median of repeats, within a limit of time."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Shorter samples than this would measure the clock and the interpreter.
_SAMPLE_SECONDS = 1e-3

_MIN_REPEATS = 3
_MAX_REPEATS = 50

# What a timing makes at least: one call to warm up, one to learn how long it takes, then the repeats.
MIN_CALLS = 2 + _MIN_REPEATS


@dataclass(frozen=True)
class Timing:
    """Seconds of one call, in several samples; the sum of two has the samples of both, a part of one the same part of each."""

    samples: tuple[float, ...]

    @property
    def seconds(self) -> float:
        """The median."""
        return float(np.median(self.samples))

    @property
    def spread(self) -> float:
        """Interquartile range over the median."""
        quarter, three_quarters = np.percentile(self.samples, [25, 75])
        return float((three_quarters - quarter) / self.seconds)

    def __add__(self, other: "Timing") -> "Timing":
        return Timing(self.samples + other.samples)

    def __truediv__(self, calls: int) -> "Timing":
        return Timing(tuple(sample / calls for sample in self.samples))


def time_call(
    call: Callable[[], object], limit_seconds: float, clock: Callable[[], float] = time.perf_counter
) -> Timing:
    """Times `call`, which returns once its work is done, for `limit_seconds` but at least `MIN_CALLS` times.

    Short calls are timed in batches of a millisecond.
    """
    call()
    start = clock()
    call()
    batch = max(1, math.ceil(_SAMPLE_SECONDS / max(clock() - start, 1e-9)))
    samples: list[float] = []
    while len(samples) < _MIN_REPEATS or (len(samples) < _MAX_REPEATS and clock() - start < limit_seconds):
        begin = clock()
        for _ in range(batch):
            call()
        samples.append((clock() - begin) / batch)
    return Timing(tuple(samples))
