"""A plan's forecasts, stored before its training begins."""

from scalewright.ledger import Forecast, Ledger
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
