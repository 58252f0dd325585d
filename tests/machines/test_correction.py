"""Learning from runs that were timed: the posterior of a normal mean."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewright.machines.correction import RUN_SPREAD, RUNS_BEFORE, correction


def test_without_runs_nothing_is_learned():
    found = correction([], 0.2)
    assert (found.factor, found.runs) == (1.0, 0)
    assert found.spread == pytest.approx(0.2)
    # What is not known of the machine, and what it drifts by.
    assert correction([], 0.2, drift=0.15).spread == pytest.approx(0.25)


@given(st.lists(st.floats(0.3, 3), min_size=1, max_size=9), st.sampled_from([0.0, 0.1, 0.4]))
def test_it_is_the_posterior_on_a_grid(ratios, drift):
    spread = 0.2
    common = math.sqrt(spread**2 - RUN_SPREAD**2)
    expected = RUN_SPREAD**2 + drift**2
    # Of a scaled inverse chi squared with RUNS_BEFORE degrees of freedom, what the runs' own scatter makes of it.
    own = np.var(np.log(ratios), ddof=1) if len(ratios) > 1 else 0.0
    degrees = len(ratios) - 1
    each = math.sqrt(max(expected, (RUNS_BEFORE * expected + degrees * own) / (RUNS_BEFORE + degrees)))
    means = np.linspace(-2, 2, 40_001)
    logs = -(means**2) / (2 * common**2) - sum((math.log(r) - means) ** 2 for r in ratios) / (2 * each**2)
    weights = np.exp(logs - logs.max())
    mean = (weights * means).sum() / weights.sum()
    deviation = math.sqrt((weights * (means - mean) ** 2).sum() / weights.sum() + each**2)
    found = correction(ratios, spread, drift)
    assert found.factor == pytest.approx(math.exp(mean), rel=1e-4)
    assert found.spread == pytest.approx(deviation, rel=1e-3)


def test_five_runs_tell_a_common_factor_and_narrow_the_interval():
    found = correction([1.3] * 5, 0.2)
    assert found.factor == pytest.approx(1.3, rel=0.02)
    low, high = found.interval()
    assert low < 1.3 < high
    assert high / low < math.exp(2 * 1.645 * 0.07)


def test_runs_that_scatter_are_not_told_as_sure():
    ratios = np.exp(np.random.default_rng(0).normal(0, 0.3, 100))
    found = correction(ratios.tolist(), 0.2)
    assert found.spread == pytest.approx(np.std(np.log(ratios), ddof=1), rel=0.05)
    # Nine of ten of those to come lie inside.
    low, high = found.interval()
    coming = np.exp(np.random.default_rng(1).normal(0, 0.3, 10_000))
    assert 0.85 < np.mean((low < coming) & (coming < high)) < 0.95
