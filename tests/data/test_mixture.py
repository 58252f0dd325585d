from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewright.data.mixture import Mixture, whole_weights
from scalewright.errors import InputError


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_each_source_is_within_a_row_of_its_share_at_every_row(weights: list[int]):
    mixture = Mixture(weights)
    sources, places = mixture.rows(0, 2 * len(mixture) + 3)
    given_so_far = [0] * len(weights)
    for row, (source, place) in enumerate(zip(sources.tolist(), places.tolist(), strict=True), start=1):
        assert place == given_so_far[source]
        given_so_far[source] += 1
        for weight, count in zip(weights, given_so_far, strict=True):
            assert abs(count - Fraction(row * weight, sum(weights))) < 1
        assert mixture.drawn(row) == tuple(given_so_far)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 10**15), st.integers(0, 50))
def test_rows_are_a_function_of_their_number(weights: list[int], start: int, count: int):
    mixture = Mixture(weights)
    sources, places = mixture.rows(start, count)
    for row in range(count):
        (source,), (place,) = mixture.rows(start + row, 1)
        assert (source, place) == (sources[row], places[row])
        assert place == mixture.drawn(start + row)[source]


@pytest.mark.parametrize(
    ("weights", "whole"),
    [
        ([0.1, 0.2, 0.7], (1, 2, 7)),
        ([3, 6], (1, 2)),
        ([1], (1,)),
        ([1e-3, 1], (1, 1000)),
        ([0.5, 0.25, 2], (2, 1, 8)),
    ],
)
def test_weights_are_what_they_are_written(weights: list[float], whole: tuple[int, ...]):
    assert whole_weights(weights) == whole
    assert Mixture(weights).shares == pytest.approx(np.array(weights) / sum(weights))


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ([], "no weights"),
        ([1, 0], "weight 0: expected a positive number"),
        ([-0.5], "weight -0.5"),
        ([float("nan")], "weight nan"),
        ([float("inf"), 1], "weight inf"),
        ([True], "weight True"),
        ([0.1234567, 0.8], "add up to 9,234,567, expected at most 1,000,000: write them with fewer digits"),
    ],
)
def test_wrong_weights(weights: list[float], says: str):
    with pytest.raises(InputError, match=says):
        Mixture(weights)


def test_the_longest_period():
    mixture = Mixture([333_333, 666_667])
    assert len(mixture) == 1_000_000
    sources, _ = mixture.rows(0, len(mixture))
    counts = np.cumsum(sources == 0)
    assert np.abs(counts - np.arange(1, 1_000_001) * 0.333333).max() < 1
