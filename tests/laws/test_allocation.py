import numpy as np
import pytest

from scalewright.errors import InputError, WorkError
from scalewright.laws import Law, allocate, allocate_for_loss, fit, lifetime

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


def test_serving_calls_for_a_smaller_model_trained_longer(law: Law) -> None:
    """6 N D + 2 N T: with the least loss on that line found by brute force (Sardana et al. 2023)."""
    served = 2e12
    cost = lifetime(served)
    best, trained = allocate(law, 1e23, cost), allocate(law, 1e23)
    assert best.params < trained.params
    assert best.tokens / best.params > trained.tokens / trained.params
    N = np.geomspace(1e8, 1e11, 20_001)
    D = (1e23 - 2 * N * served) / (6 * N)
    N, D = N[D > 1e8], D[D > 1e8]
    assert best.params == pytest.approx(N[np.argmin(law.losses(N, D))], rel=2e-3)


def test_the_least_compute_for_a_loss_is_the_one_whose_best_loss_it_is(law: Law) -> None:
    best = allocate(law, 3e21)
    found = allocate_for_loss(law, best.loss)
    assert found.flops == pytest.approx(3e21, rel=1e-3)
    assert found.params == pytest.approx(best.params, rel=1e-2)
    served = allocate_for_loss(law, best.loss, lifetime(1e12))
    assert served.loss == pytest.approx(best.loss, rel=1e-6)
    assert served.flops < lifetime(1e12)(best.params, best.tokens)


def test_a_loss_out_of_reach_is_refused(law: Law) -> None:
    with pytest.raises(WorkError, match="no budget reaches"):
        allocate_for_loss(law, 0.5 * law.parameters["E"])
    with pytest.raises(WorkError, match="below the smallest of the runs"):
        allocate_for_loss(law, 50.0)
    with pytest.raises(InputError, match="finite number of nats"):
        allocate_for_loss(law, float("nan"))


def test_the_interval_of_the_best_size_is_that_of_the_draws(law: Law) -> None:
    """Each draw of the additive law has its closed form."""
    best = allocate(law, 1e22)
    p = law.forms[0].form.parameters(law.forms[0].draws, law.units)
    both = p["alpha"] + p["beta"]
    G = (p["alpha"] * p["A"] / (p["beta"] * p["B"])) ** (1 / both)
    sizes = G * (1e22 / 6) ** (p["beta"] / both)
    step = np.exp(np.ptp(np.log(np.array(best.flat))) / 2)  # of the grid, and of the discrepancy's share in a draw
    assert best.params_interval[0] < best.params < best.params_interval[1]
    np.testing.assert_allclose(best.params_interval, np.quantile(sizes, [0.05, 0.95]), rtol=max(0.2, step - 1))
    assert best.tokens_interval[0] * best.params_interval[1] == pytest.approx(1e22 / 6)
    assert 0 <= best.regret[0] <= best.regret[1] < 0.02


def test_between_the_flat_sizes_the_loss_is_nearly_the_least(law: Law) -> None:
    best = allocate(law, 1e22)
    for N in best.flat:
        assert float(law.losses(N, 1e22 / 6 / N)) <= best.loss * 1.001 * (1 + 1e-9)
    for N in (best.flat[0] / 1.2, best.flat[1] * 1.2):
        assert float(law.losses(N, 1e22 / 6 / N)) > best.loss * 1.001


def test_passes_over_scarce_data_are_counted(law: Law) -> None:
    best = allocate(law, 1e22, unique_tokens=1e10)
    assert best.passes == pytest.approx(best.tokens / 1e10)
    assert allocate(law, 1e22).passes == 1


def test_a_law_that_does_not_settle_the_split_says_so() -> None:
    """Runs at one ratio of tokens to params say nothing of others."""
    N = 1e7 * 1.5 ** np.arange(10)
    D = 20 * N * np.where(np.arange(10) % 2, 1.12, 1.0)
    noise = np.exp(0.01 * np.random.default_rng(1).standard_normal(10))
    unsure = fit(N, D, (1.8172 + 482.01 * N**-0.3478 + 2085.43 * D**-0.3658) * noise, bootstrap=100)
    best = allocate(unsure, 1e22)
    assert best.params_interval[1] / best.params_interval[0] > 30
