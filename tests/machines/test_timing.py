import itertools
from collections.abc import Iterable

import pytest

from scalewright.machines.timing import MIN_CALLS, Timing, time_call


class Work:
    """A call of known duration and the clock that sees nothing else pass."""

    def __init__(self, seconds: Iterable[float]) -> None:
        self.seconds = iter(seconds)
        self.now = 0.0
        self.calls = 0

    def __call__(self) -> None:
        self.now += next(self.seconds)
        self.calls += 1

    def clock(self) -> float:
        return self.now


def test_the_first_call_does_not_count() -> None:
    work = Work(itertools.chain([9.0], itertools.repeat(0.01)))
    timing = time_call(work, 0.2, work.clock)
    assert timing.seconds == pytest.approx(0.01)
    assert timing.spread == pytest.approx(0.0, abs=1e-9)


def test_median_and_interquartile_range() -> None:
    # Warm-up, the one that is timed alone, then 1..5 s: median 3, quartiles 2 and 4.
    work = Work([0.0, 1.0, 5.0, 1.0, 3.0, 2.0, 4.0])
    timing = time_call(work, 16.0, work.clock)
    assert (timing.seconds, len(timing.samples)) == (3.0, 5)
    assert timing.spread == pytest.approx(2 / 3)


def test_a_slow_call_is_made_no_oftener_than_it_must() -> None:
    work = Work(itertools.repeat(10.0))
    assert time_call(work, 0.1, work.clock).samples == (10.0,) * 3
    assert work.calls == MIN_CALLS


def test_the_limit_holds() -> None:
    work = Work(itertools.repeat(0.05))
    time_call(work, 1.0, work.clock)
    assert work.now <= 1.0 + 3 * 0.05


def test_short_calls_are_timed_in_batches() -> None:
    work = Work(itertools.repeat(1e-5))
    timing = time_call(work, 0.1, work.clock)
    assert timing.seconds == pytest.approx(1e-5)
    assert work.calls >= 100 * len(timing.samples)


def test_samples_of_two_timings_together_and_a_part() -> None:
    both = Timing((1.0, 2.0)) + Timing((9.0,))
    assert (both.samples, both.seconds) == ((1.0, 2.0, 9.0), 2.0)
    assert (both / 2).samples == (0.5, 1.0, 4.5)
