"""How well past forecasts did."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from scalewright.ledger.tables import Forecast


@dataclass(frozen=True)
class TrackRecord:
    """Scored forecasts of one quantity.

    Attributes:
        count: how many were scored.
        mean_absolute_error: mean of |measured / value - 1|.
        coverage: share of measured values that fell inside their interval.
        level: mean of the probabilities that the intervals were meant to hold; honest intervals have coverage
            near it.
    """

    quantity: str
    count: int
    mean_absolute_error: float
    coverage: float
    level: float


def track_record(forecasts: Iterable[Forecast]) -> dict[str, TrackRecord]:
    """The track record of each quantity that has a scored forecast, in alphabetical order."""
    scored: dict[str, list[tuple[float, bool, float]]] = defaultdict(list)
    for forecast in forecasts:
        if forecast.error is not None and forecast.inside is not None:
            scored[forecast.quantity].append((abs(forecast.error), forecast.inside, forecast.level))
    records = {}
    for quantity, rows in sorted(scored.items()):
        errors, inside, levels = zip(*rows, strict=True)
        records[quantity] = TrackRecord(quantity, len(rows), fmean(errors), fmean(inside), fmean(levels))
    return records
