import numpy as np

from scalewright.laws import FORMS, Runs
from scalewright.laws.backtest import backtest, cuts
from scalewright.laws.runs import product

from .conftest import truth


def equal_compute() -> Runs:
    """Four sizes a factor of two apart, each trained for the same compute, branches at factors of two."""
    rungs = [(2.0**k, 2.0 ** (13 - k) / 2**branch) for k in range(4) for branch in range(7 - k)]
    params, tokens = np.array(rungs).T
    return Runs.checked({"params": params, "tokens": tokens}, 1 + params**-0.3 + tokens**-0.3)


def test_a_cut_is_a_ladder_itself() -> None:
    ladder = equal_compute()
    found = cuts(ladder, rows=5)
    assert found
    for kept in found:
        assert 5 <= kept.sum() < len(ladder)
        for values in ladder.inputs.values():
            whole, part = values.max() / values.min(), values[kept].max() / values[kept].min()
            assert part >= 0.999 * whole**0.5
    # What is left out is larger than what is kept: in compute, in size or in tokens.
    columns = (product(ladder.inputs), *ladder.inputs.values())
    assert all(any(values[kept].max() < values[~kept].min() for values in columns) for kept in found)


def test_the_true_form_forecasts_within_its_own_variance() -> None:
    true = truth("chinchilla", np.random.default_rng(1), sizes=6, horizons=6)
    ladder = Runs.checked(true.inputs, true.losses(0.003))
    tested = backtest(FORMS["chinchilla"], ladder, cuts(ladder, 7), 0.003, 1.345)
    assert np.mean(np.abs(tested.error) < 2 * np.sqrt(tested.variance)) > 0.85
    assert np.all(tested.distance > 0)
