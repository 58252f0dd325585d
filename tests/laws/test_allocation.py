import numpy as np
import pytest

from scalewright.errors import InputError, WorkError
from scalewright.laws import Law, allocate, fit

from .conftest import Truth


@pytest.fixture(scope="module")
def law(hoffmann: Truth) -> Law:
    return fit(hoffmann.params, hoffmann.tokens, hoffmann.losses(0.002), forms="chinchilla", bootstrap=40)


@pytest.mark.parametrize("compute", [1e20, 1e22, 1e24])
def test_the_additive_law_has_its_closed_form(law: Law, compute: float) -> None:
    """N = G (C/6)^(beta/(alpha+beta)), G = (alpha A / beta B)^(1/(alpha+beta)): arXiv:2203.15556, eq. 4."""
    p = law.parameters
    both = p["alpha"] + p["beta"]
    G = (p["alpha"] * p["A"] / (p["beta"] * p["B"])) ** (1 / both)
    best = allocate(law, compute)
    assert best.params == pytest.approx(G * (compute / 6) ** (p["beta"] / both), rel=1e-3)
    assert best.tokens == pytest.approx((compute / 6) ** (p["alpha"] / both) / G, rel=1e-3)
    assert best.flops == pytest.approx(compute, rel=1e-9)
    assert best.low < best.loss < best.high
    assert best.loss == pytest.approx(p["E"] + p["A"] * best.params ** -p["alpha"] + p["B"] * best.tokens ** -p["beta"])


def test_another_cost_is_met_and_no_split_is_better(law: Law) -> None:
    def flops(N: float, D: float) -> float:
        return 6 * N * D + 40 * N**0.5 * 512 * D

    best = allocate(law, 1e21, flops)
    assert flops(best.params, best.tokens) == pytest.approx(1e21, rel=1e-9)
    for factor in np.geomspace(0.2, 5, 41):
        N = best.params * factor
        D = 1e21 / (6 * N + 40 * N**0.5 * 512)
        assert law.losses(N, D) >= best.loss * (1 - 1e-9)


def test_scarce_data_call_for_a_larger_model(law: Law) -> None:
    plenty = allocate(law, 1e22)
    scarce = allocate(law, 1e22, unique_tokens=plenty.tokens / 20)
    assert scarce.params > plenty.params
    assert scarce.loss > plenty.loss


@pytest.mark.parametrize("compute", [0.0, -1.0, np.nan, np.inf])
def test_a_budget_that_is_not_positive_is_refused(law: Law, compute: float) -> None:
    with pytest.raises(InputError, match="compute"):
        allocate(law, compute)


def test_a_budget_below_the_data_is_refused(law: Law) -> None:
    with pytest.raises(InputError, match="fit smaller runs"):
        allocate(law, 1e10)


def test_a_law_without_a_best_size_between_the_limits_says_so(law: Law) -> None:
    """Just above the smallest budget allowed the best split lies beyond the limits."""
    with pytest.raises(WorkError, match="no best size"):
        allocate(law, 6.0001 * law.support.params[0] * law.support.tokens[0] / 100)
