import numpy as np
import pytest
from tests.laws.conftest import Truth

from scalewright.laws import Law, fit
from scalewright.laws.holdout import hold_out


def test_larger_runs_are_forecast_from_smaller_ones(hoffmann: Truth) -> None:
    loss = hoffmann.losses(0.003)

    def fit_to(kept: np.ndarray) -> Law:
        return fit(hoffmann.params[kept], hoffmann.tokens[kept], loss[kept], bootstrap=40)

    found = hold_out(hoffmann.inputs, loss, fit_to)
    cost = hoffmann.params * hoffmann.tokens
    assert [each.times for each in found] == [2, 5, 10, 30]
    for each in found:
        small = cost <= cost.max() / each.times * (1 + 1e-9)
        assert (each.fitted, each.forecast) == (small.sum(), (~small).sum())
        assert each.refused is None
        said = fit_to(small).predictions({name: values[~small] for name, values in hoffmann.inputs.items()})
        errors = [abs(np.log(p.loss / y)) for p, y in zip(said, loss[~small], strict=True)]
        assert each.median_error == pytest.approx(np.median(errors))
        assert each.coverage == pytest.approx(
            np.mean([p.low <= y <= p.high for p, y in zip(said, loss[~small], strict=True)])
        )


def test_what_cannot_be_fitted_is_said_with_its_reason(hoffmann: Truth) -> None:
    few = hoffmann.params * hoffmann.tokens <= 1e17
    inputs = {name: values[few] for name, values in hoffmann.inputs.items()}
    loss = hoffmann.losses(0.003)[few]
    (found,) = hold_out(
        inputs, loss, lambda kept: fit(inputs["params"][kept], inputs["tokens"][kept], loss[kept]), times=[30]
    )
    assert found.median_error is None
    assert "no runs" in str(found.refused)
