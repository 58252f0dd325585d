"""A plan's forecasts, stored before its training begins and scored once it has ended."""

from collections.abc import Callable

from scalewright.ledger import Forecast, Ledger, Run
from scalewright.planning.plan import Interval


def store_once(
    ledger: Ledger, plan_hash: str, law_hash: str, quantity: str, interval: Interval, extrapolation: float
) -> None:
    """Stores what a plan forecasts of a quantity, unless that was done."""
    if any(forecast.quantity == quantity for forecast in ledger.forecasts(plan_hash)):
        return
    ledger.store_forecast(
        Forecast(
            quantity=quantity,
            unit=interval.unit,
            value=interval.value,
            low=interval.low,
            high=interval.high,
            level=interval.level,
            extrapolation=extrapolation,
            law_hash=law_hash,
            plan_hash=plan_hash,
        )
    )


def score_all(ledger: Ledger, plan_hash: str, run: Run, warn: Callable[[str], None]) -> None:
    """Scores a plan's forecasts by the run that they are of; what was known when it was forecast stays without a score."""
    for forecast in ledger.forecasts(plan_hash):
        if forecast.made_at <= run.created_at:
            ledger.score_forecast(plan_hash, forecast.quantity, getattr(run, forecast.quantity))
        else:
            warn(
                f"this very run was trained before, for another plan: its {forecast.quantity} was known when it was forecast, "
                "so that the forecast is not scored"
            )
