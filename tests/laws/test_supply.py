import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewright.laws import R_STAR, Supply


def effective(tokens: float, unique: float) -> float:
    """Muennighoff et al. 2023, eq. 5, as they write it."""
    unique = min(unique, tokens)
    return unique + unique * R_STAR * (1 - math.exp(-(tokens / unique - 1) / R_STAR))


@given(
    st.lists(st.tuples(st.integers(1_000, 10**9), st.integers(1, 100)), min_size=1, max_size=5),
    st.floats(1e3, 1e12),
)
def test_the_single_text_is_worth_what_the_sources_are(sources, drawn):
    total = sum(weight for _, weight in sources)
    shares = tuple(weight / total for _, weight in sources)
    supply = Supply(tuple(tokens for tokens, _ in sources), shares)
    unique = float(supply.unique(drawn))
    expected = sum(effective(share * drawn, tokens) for (tokens, _), share in zip(sources, shares, strict=True))
    assert effective(drawn, unique) == pytest.approx(expected, rel=1e-6)
    assert unique <= drawn
    # Repeats that are unevenly spread are worth no more than if they were even.
    assert unique <= sum(min(tokens, share * drawn) for (tokens, _), share in zip(sources, shares, strict=True)) * (
        1 + 1e-9
    )


def test_one_text_is_as_it_was():
    supply = Supply((1_000_000,))
    assert supply.unique([10, 10**6, 10**7]).tolist() == [10, 10**6, 10**6]
    assert (supply.fresh, supply.worth(10), supply.worth(10**9)) == (10**6, 10**6, 10**6)
    assert supply.limited(500).tokens == (500,)
    assert supply.limited(None) == supply


def test_nothing_is_repeated_before_the_first_source_ends():
    supply = Supply((3_000, 1_000), (0.5, 0.5))
    assert supply.fresh == 2_000
    assert float(supply.unique(2_000)) == 2_000
    assert float(supply.unique(2_100)) < 2_100
    assert supply.worth(100) == 2_000
    assert supply.passes(4_000) == (2_000 / 3_000, 2.0)
    assert supply.limited(1_500).tokens == (750, 750)
    assert supply.limited(4_000).tokens == (2_000, 1_000)


def test_sources_that_are_repeated_alike_are_one_text():
    supply = Supply((7_000, 3_000), (0.7, 0.3))
    drawn = np.array([5e3, 1e4, 4e4, 1e6])
    assert supply.unique(drawn) == pytest.approx(np.minimum(drawn, 10_000))
