"""The schedule against its definition, step by step."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewright.training import Schedule


def test_by_hand():
    schedule = Schedule(total=10, warmup=2, decay_fraction=0.4)
    factors = [schedule.factor(step) for step in range(10)]
    assert factors == pytest.approx([0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25])


@given(total=st.integers(5, 500), longer=st.integers(0, 500), warmup=st.integers(1, 20), decay=st.floats(0.05, 0.5))
def test_horizons_share_their_trunk(total, longer, warmup, decay):
    short, long = Schedule(total, warmup, decay), Schedule(total + longer, warmup, decay)
    assert short.branch <= long.branch
    assert all(short.factor(step) == long.factor(step) for step in range(short.branch))


@given(total=st.integers(5, 500), warmup=st.integers(1, 20), decay=st.floats(0.05, 0.5))
def test_decay_falls_evenly_towards_zero(total, warmup, decay):
    schedule = Schedule(total, warmup, decay)
    factors = [schedule.factor(step) for step in range(schedule.branch, total)] + [0.0]
    falls = [a - b for a, b in pairwise(factors)]
    assert factors[0] == 1
    assert all(fall == pytest.approx(1 / len(falls)) for fall in falls)
