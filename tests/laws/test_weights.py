import numpy as np
import pytest

from scalewright.laws import FORMS, Runs, Standard
from scalewright.laws.backtest import Backtest, cuts
from scalewright.laws.estimate import Estimate
from scalewright.laws.runs import levels, product
from scalewright.laws.weights import weigh

from .conftest import truth


def estimate(sigma: float, degrees: float = 8.0) -> Estimate:
    form = FORMS["chinchilla"]
    units = Standard(log={"params": 0, "tokens": 0, "loss": 0})
    return Estimate(form, form.centre, np.eye(6), sigma, degrees, np.zeros(12), 0.0, 1.0, units)


def forecasts(error: float, number: int = 6) -> Backtest:
    cut = np.repeat(np.arange(number), 3)
    ones = np.ones(len(cut))
    return Backtest(cut, error * ones, 0.005**2 * ones, ones)


def test_without_any_evidence_forms_weigh_the_same() -> None:
    nothing = forecasts(0.0, number=0)
    standings = weigh([estimate(0.01), estimate(0.01)], [nothing, nothing])
    assert [s.weight for s in standings] == pytest.approx([0.5, 0.5])


def test_smaller_errors_weigh_more_but_never_all() -> None:
    better, worse = weigh([estimate(0.005)] * 2, [forecasts(0.004), forecasts(0.04)])
    assert 0.7 < better.weight < 0.98
    assert better.weight + worse.weight == pytest.approx(1)
    assert better.discrepancy < 0.01 < 0.02 < worse.discrepancy < 0.06


def test_a_form_that_fails_in_every_cut_leaves_the_interval() -> None:
    # 15 sds of the noise in each cut: at five per cent of the weight it would set a quantile of the mixture.
    _, refuted = weigh([estimate(0.003), estimate(0.02)], [forecasts(0.004), forecasts(0.08)])
    assert refuted.weight < 0.02


def test_errors_within_noise_hardly_move_the_weights() -> None:
    one, other = weigh([estimate(0.005)] * 2, [forecasts(0.001), forecasts(0.003)])
    assert 0.5 < one.weight < 0.65
    assert other.discrepancy < 0.006


def test_few_cuts_leave_the_weights_closer_to_equal() -> None:
    shares = [
        weigh([estimate(0.005)] * 2, [forecasts(0.004, number), forecasts(0.03, number)])[0].weight
        for number in (0, 1, 3, 6)
    ]
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(0.5)
    assert shares[1] < 0.9
    assert shares[3] < 0.98


def test_the_closer_fit_weighs_more_and_less_so_with_few_free_residuals() -> None:
    same = forecasts(0.005)
    many = weigh([estimate(0.004), estimate(0.008)], [same, same])[0].weight
    few = weigh([estimate(0.004, 1.0), estimate(0.008, 1.0)], [same, same])[0].weight
    assert 0.5 < few < many < 1


def test_cuts_keep_the_smaller_runs_along_each_axis() -> None:
    true = truth("chinchilla", np.random.default_rng(0))
    ladder = Runs.checked(true.inputs, true.losses())
    masks = cuts(ladder, rows=7)
    N, D, C = *ladder.inputs.values(), product(ladder.inputs)
    assert len(masks) >= 4
    for kept in masks:
        assert 7 <= kept.sum() < len(ladder)
        assert levels(N[kept]) > 1
        assert levels(D[kept]) > 1
        orders = [key[kept].max() < key[~kept].min() * (1 + 1e-6) for key in (N, D)]
        assert any(orders) or C[kept].max() < C[~kept].min() * (1 + 1e-6)
    assert any(N[~kept].min() > N[kept].max() for kept in masks)
    assert any(D[~kept].min() > D[kept].max() for kept in masks)
