"""The search for the learning rate on curves whose lowest point is known."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewright.errors import WorkError
from scalewright.studies.search import FACTOR, MOST, START, search_rate


@given(place=st.floats(-4, 4), depth=st.floats(1e-3, 1.0))
def test_lowest_point_of_a_parabola(place, depth):
    best = START * FACTOR**place
    rate, _ = search_rate(lambda rates: {r: 3 + depth * math.log(r / best) ** 2 for r in rates})
    assert rate == pytest.approx(best, rel=1e-6)


def test_rates_at_which_training_fails_are_no_answer():
    def losses(rates):
        return {rate: math.inf if rate >= START else 3 - math.log(rate) for rate in rates}

    rate, reason = search_rate(losses)
    assert rate == pytest.approx(START / FACTOR)
    assert "inf" in reason.text


def test_where_a_neighbour_fails_nothing_is_read_between():
    rate, reason = search_rate(lambda rates: {rate: math.inf if rate > START else 3 - math.log(rate) for rate in rates})
    assert rate == pytest.approx(START)
    assert reason.origin == "measured"


def test_where_all_fail_there_is_no_answer():
    with pytest.raises(WorkError, match="no learning rate from"):
        search_rate(lambda rates: dict.fromkeys(rates, math.inf))


def test_it_ends_at_the_edge_and_says_so():
    tried = []

    def losses(rates):
        tried.extend(rates)
        return {rate: -rate for rate in rates}

    rate, reason = search_rate(losses)
    assert len(tried) == len(set(tried)) == MOST
    assert rate == pytest.approx(max(tried))
    assert "edge" in reason.text
