import numpy as np
import pytest
from scipy.stats import norm

from scalewright.laws import FORMS, Runs
from scalewright.laws.estimate import estimate
from scalewright.laws.uncertainty import draw, mixture_quantiles

from .conftest import truth


def test_quantiles_of_one_gaussian_are_its_own() -> None:
    centre, sd = np.array([[2.0, -1.0], [2.0, -1.0]]), np.array([[0.3, 2.0], [0.3, 2.0]])
    found = mixture_quantiles(centre, sd, np.array([0.4, 0.6]), np.array([0.05, 0.7]))
    np.testing.assert_allclose(found[:, 0], norm.ppf([0.05, 0.7], 2.0, 0.3), rtol=1e-9)
    np.testing.assert_allclose(found[:, 1], norm.ppf([0.05, 0.7], -1.0, 2.0), rtol=1e-9)


def test_quantiles_of_a_mixture_split_its_mass() -> None:
    centre, sd, weight = np.array([-1.0, 0.5, 4.0]), np.array([0.2, 1.0, 0.5]), np.array([0.3, 0.5, 0.2])
    for level in (0.05, 0.5, 0.95):
        quantile = mixture_quantiles(centre[:, None], sd[:, None], weight, np.array([level]))[0]
        assert weight @ norm.cdf(quantile, centre, sd) == pytest.approx(level, abs=1e-9)


def test_draws_spread_as_laplace_says_where_the_ladder_is_rich() -> None:
    true = truth("chinchilla", np.random.default_rng(4), sizes=8, horizons=8)
    ladder = Runs.checked(true.inputs, true.losses(0.003))
    fitted = estimate(FORMS["chinchilla"], ladder, 1.345, seed=0)
    draws = draw(fitted, ladder, 0.003, 600, 1.345, seed=0)
    spread, expected = draws.std(axis=0), np.sqrt(np.diag(fitted.covariance))
    np.testing.assert_allclose(spread, expected, rtol=0.25)


def test_branches_of_a_trunk_spread_the_draws_as_the_sandwich_says() -> None:
    # theta moves by C (J' noise / sigma^2 + ...): its covariance is C (J' V J / sigma^4 + prior precision) C, where V has
    # two thirds of the variance in common within a trunk (one trunk to a size).
    true = truth("chinchilla", np.random.default_rng(4), sizes=8, horizons=8)
    ladder = Runs.checked(true.inputs, true.losses(0.003), trunks=list(true.params))
    form = FORMS["chinchilla"]
    fitted = estimate(form, ladder, 10.0, seed=0)
    points = fitted.units.points(ladder.inputs)
    jacobian = form.log_loss_and_jacobian(fitted.theta[None], points)[1][0].T / fitted.sigma
    N = ladder.inputs["params"]
    together = np.where(N[:, None] == N, 2 / 3, 0.0) + np.eye(len(ladder)) / 3
    middle = jacobian.T @ together @ jacobian + np.diag(form.sd**-2.0)
    laplace = np.linalg.inv(jacobian.T @ jacobian + np.diag(form.sd**-2.0))
    expected = np.sqrt(np.diag(laplace @ middle @ laplace))
    spread = draw(fitted, ladder, 0.0, 800, 10.0, seed=0).std(axis=0)
    np.testing.assert_allclose(spread, expected, rtol=0.25)
    np.testing.assert_allclose(np.sqrt(np.diag(fitted.covariance)), expected, rtol=1e-3)
    assert expected[1] > 1.3 * np.sqrt(laplace[1, 1])


@pytest.mark.parametrize("noise", [0.002, 0.005, 0.1, 0.4])
def test_the_scatter_is_the_noise_and_outliers_hardly_move_it(noise: float) -> None:
    true = truth("chinchilla", np.random.default_rng(4), sizes=8, horizons=8)
    loss = true.losses(noise)
    loss[[3, 40]] *= 1 + 40 * noise
    fitted = estimate(FORMS["chinchilla"], Runs.checked(true.inputs, loss), 1.345, seed=0)
    assert fitted.sigma == pytest.approx(noise, rel=0.35)
    assert fitted.degrees == pytest.approx(64 - 5, abs=5)
