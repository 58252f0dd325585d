import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import chi2

from scalewright.errors import InputError, WorkError
from scalewright.laws import FORMS, Runs
from scalewright.laws.plain import fit_plain, plain_fit, resampling

from .conftest import AVERAGED, BESIROGLU, SUMS, Truth, truth

CHINCHILLA = FORMS["chinchilla"]


@pytest.fixture(scope="module")
def runs(figure: Truth) -> Runs:
    return Runs.checked(figure.inputs, figure.losses())


@pytest.mark.parametrize("seed", range(8))
def test_every_fit_ends_in_the_global_optimum(runs: Runs, seed: int) -> None:
    fitted = plain_fit(CHINCHILLA, runs, seed=seed)
    assert fitted.objective <= 0.0010182741
    known = {"A": 477.82, "B": 2143.4, "E": 1.81722, "alpha": 0.34731, "beta": 0.36717}
    for name, value in known.items():
        assert fitted.parameters[name] == pytest.approx(value, rel=1e-4), name


def test_the_published_bootstrap_gives_the_published_intervals(figure: Truth, runs: Runs) -> None:
    """Besiroglu et al. 2024, arXiv:2404.10102: 4,000 resamplings of the runs in the order of their file."""
    order = np.lexsort([figure.losses(), figure.tokens, figure.params])
    place = np.argsort(order)
    rng = np.random.RandomState(42)
    counts = np.array([np.bincount(place[rng.choice(240, 240)], minlength=240) for _ in range(4000)])
    fitted = plain_fit(CHINCHILLA, runs)
    sample = CHINCHILLA.parameters(fitted.resampled(counts).theta, fitted.units)
    for name, interval in BESIROGLU.items():
        assert np.quantile(sample[name], [0.025, 0.975]) == pytest.approx(interval, rel=0.05), name


def test_the_constants_of_hoffmann_do_not_fit_these_runs(runs: Runs) -> None:
    # With the scale of the residuals unknown, twice the log likelihood ratio is 2 n ln(objective ratio).
    fitted = plain_fit(CHINCHILLA, runs)
    hoffmann = {"A": 406.4, "B": 410.7, "E": 1.69, "alpha": 0.34, "beta": 0.28}
    ratio = 2 * len(runs) * np.log(fitted.objective_at(hoffmann) / fitted.objective)
    assert chi2.sf(ratio, 5) < 1e-10


@pytest.mark.parametrize("name", ["kaplan", *SUMS, *AVERAGED])
def test_noise_free_runs_give_their_law_back(name: str) -> None:
    true = truth(name, np.random.default_rng(5), sizes=6, horizons=6)
    fitted = plain_fit(FORMS[name], Runs.checked(true.inputs, true.losses()), delta=np.inf)
    assert np.abs(fitted.residuals).max() < 1e-6


def test_the_minimum_is_scipys() -> None:
    true = truth("chinchilla", np.random.default_rng(2), sizes=6, horizons=6)
    runs = Runs.checked(true.inputs, true.losses(0.01))
    fitted = plain_fit(CHINCHILLA, runs)

    def objective(theta: np.ndarray) -> float:
        a, b, e, alpha, beta = theta
        terms = [
            np.full(len(runs), e),
            a - alpha * np.log(runs.inputs["params"]),
            b - beta * np.log(runs.inputs["tokens"]),
        ]
        r = np.abs(np.logaddexp.reduce(terms, axis=0) - np.log(runs.loss))
        return float(np.where(r < 1e-3, r**2 / 2, 1e-3 * (r - 5e-4)).sum())

    p = fitted.parameters
    start = np.array([np.log(p["A"]), np.log(p["B"]), np.log(p["E"]), p["alpha"], p["beta"]])
    assert objective(start) == pytest.approx(fitted.objective, rel=1e-9)
    found = minimize(objective, start * 1.001, method="Nelder-Mead", options={"maxiter": 20_000, "fatol": 1e-12})
    assert fitted.objective <= found.fun * (1 + 1e-9)


def test_as_many_parameters_as_places_are_refused() -> None:
    with pytest.raises(WorkError, match="5 different places meet the 5 parameters"):
        fit_plain({"params": [1, 2, 4, 1, 2], "tokens": [1, 1, 1, 2, 2]}, [5, 4, 3, 4, 3.5], "chinchilla")


def test_what_is_asked_wrongly_is_refused() -> None:
    with pytest.raises(InputError, match="params, tokens, the runs have tokens"):
        fit_plain({"tokens": [1, 2, 3]}, [3, 2, 1], "chinchilla")
    with pytest.raises(InputError, match="huber_delta"):
        fit_plain({"params": [1, 2], "tokens": [1, 2]}, [3, 2], "chinchilla", huber_delta=-1)


def test_trunks_are_drawn_with_all_their_branches() -> None:
    counts = resampling(np.array([0, 0, 1, 2, 2, 2]), 200, np.random.default_rng(0))
    assert np.all(counts[:, 0] == counts[:, 1])
    assert np.all(counts[:, 3] == counts[:, 5])
    assert counts.mean() == pytest.approx(1, abs=0.1)


def test_a_plain_law_forecasts_with_an_interval_and_says_what_it_leaves_out() -> None:
    true = truth("chinchilla", np.random.default_rng(1), sizes=6, horizons=6)
    law = fit_plain(true.inputs, true.losses(0.003, seed=1), "chinchilla", bootstrap=100)
    N, D = true.params.max() * 4, true.tokens.max() * 4
    forecast = law.predict(N, D)
    assert forecast.low < float(true.law(N, D)) < forecast.high
    assert forecast.high / forecast.low < 1.05
    assert "choice of form" in law.warnings[-1]
