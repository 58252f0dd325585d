from dataclasses import replace

import pytest

from scalewright.errors import InputError
from scalewright.ledger import Forecast
from scalewright.reports import ReportContent
from scalewright.reports.outcome import loss_outcome


def forecast(quantity: str, value: float, low: float, high: float, measured: float | None) -> Forecast:
    made = Forecast(
        quantity=quantity,
        unit="u",
        value=value,
        low=low,
        high=high,
        level=0.9,
        extrapolation=10.2,
        law_hash="l",
        plan_hash="p",
    )
    made.measured = measured
    return made


def test_the_loss_is_found_among_the_forecasts(content: ReportContent) -> None:
    seconds, loss = forecast("seconds", 60, 50, 70, 90), forecast("loss", 2.0, 1.9, 2.1, 2.2)
    outcome = loss_outcome(replace(content, forecasts=(seconds, loss)))
    assert outcome.forecast is loss
    assert outcome.measured == 2.2
    assert outcome.error == pytest.approx(0.1)
    assert not outcome.inside


def test_a_loss_that_was_not_forecast_is_refused(content: ReportContent) -> None:
    with pytest.raises(InputError, match="novels: forecasts of seconds, expected one of the loss"):
        loss_outcome(replace(content, forecasts=(forecast("seconds", 60, 50, 70, 90),)))
    with pytest.raises(InputError, match="forecasts of none"):
        loss_outcome(replace(content, forecasts=()))


def test_a_forecast_that_was_not_scored_is_refused(content: ReportContent) -> None:
    with pytest.raises(InputError, match="no measured value: score it first"):
        loss_outcome(replace(content, forecasts=(forecast("loss", 2.0, 1.9, 2.1, None),)))
