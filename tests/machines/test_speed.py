"""Speeds between and beyond the measured sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewright.machines.speed import MeasuredSpeed, Speed


def speed(*points):
    return Speed(
        precision="fp32",
        threads=1,
        beside=0,
        batch_size=8,
        points=tuple(
            MeasuredSpeed(flops_per_token=work, tokens_per_second=1 / seconds, spread=0.1, steps=5)
            for work, seconds in points
        ),
    )


def test_between_points_seconds_are_linear_in_work():
    assert 1 / speed((1e6, 1.0), (3e6, 2.0)).tokens_per_second(2e6) == pytest.approx(1.5)


def test_an_overhead_and_a_rate_are_found_beyond_the_points():
    overhead_and_rate = speed((1e6, 1.5), (2e6, 2.5))
    assert 1 / overhead_and_rate.tokens_per_second(10e6) == pytest.approx(10.5)


@given(
    seconds=st.lists(st.floats(0.1, 10.0), min_size=2, max_size=5),
    work=st.tuples(st.floats(1e5, 1e9), st.floats(1, 10)),
)
def test_more_work_is_never_faster(seconds, work):
    measured = speed(*((1e6 * 2**n, value) for n, value in enumerate(seconds)))
    assert measured.tokens_per_second(work[0] * work[1]) <= measured.tokens_per_second(work[0]) * (1 + 1e-9)
