"""The forecast that a report is about, and how it turned out."""

from dataclasses import dataclass

from scalewright.errors import InputError
from scalewright.ledger import Forecast
from scalewright.reports.content import ReportContent


@dataclass(frozen=True)
class Outcome:
    """A scored forecast.

    Attributes:
        measured: in the forecast's unit.
        error: measured over forecast, less 1.
        inside: whether the measured value lies in the interval.
    """

    forecast: Forecast
    measured: float
    error: float
    inside: bool


def loss_outcome(content: ReportContent) -> Outcome:
    """The forecast of the final run's loss with what was measured.

    Raises:
        InputError: the loss was not forecast, or not scored.
    """
    for forecast in content.forecasts:
        if forecast.quantity != "loss":
            continue
        measured, error, inside = forecast.measured, forecast.error, forecast.inside
        if measured is None or error is None or inside is None:
            raise InputError(f"report {content.name}: the forecast of the loss has no measured value: score it first")
        return Outcome(forecast, measured, error, inside)
    listed = ", ".join(forecast.quantity for forecast in content.forecasts) or "none"
    raise InputError(
        f"report {content.name}: forecasts of {listed}, expected one of the loss: forecast before training"
    )
