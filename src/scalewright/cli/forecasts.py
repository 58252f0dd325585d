"""What a law says of every row of a table, and how well it does where the losses are known."""

import numpy as np

from scalewright.cli.columns import RunTable
from scalewright.documents import Part
from scalewright.laws import Law
from scalewright.laws.extrapolation import warn_far


class Row(Part):
    """A forecast of one row; `error` is ln(forecast / measured), both above the zero of the law."""

    row: int
    inputs: dict[str, float]
    loss: float
    low: float
    high: float
    level: float
    extrapolation: float
    measured: float | None = None
    error: float | None = None
    inside: bool | None = None


class Forecasts(Part):
    """The rows, with the median of |error| and the share inside their intervals where losses are known."""

    rows: tuple[Row, ...]
    warnings: tuple[str, ...]
    median_error: float | None = None
    coverage: float | None = None


def forecast_rows(law: Law, table: RunTable, level: float) -> Forecasts:
    """Forecasts each row of a table, and scores them where it has losses.

    Raises:
        InputError: the level is not between 0 and 1.
    """
    rows = []
    forecasts = law.predictions(table.inputs, level)
    for place, (number, forecast) in enumerate(zip(table.rows.tolist(), forecasts, strict=True)):
        inputs = {name: float(values[place]) for name, values in table.inputs.items()}
        row = Row(row=number, inputs=inputs, **forecast.model_dump())
        if table.loss is not None:
            measured = float(table.loss[place])
            error = float(np.log((row.loss - law.units.zero) / (measured - law.units.zero)))
            row = row.model_copy(
                update={"measured": measured, "error": error, "inside": row.low <= measured <= row.high}
            )
        rows.append(row)
    warnings = (*table.warnings, *warn_far(law, table.inputs))
    if table.loss is None:
        return Forecasts(rows=tuple(rows), warnings=warnings)
    return Forecasts(
        rows=tuple(rows),
        warnings=warnings,
        median_error=float(np.median([abs(row.error or 0.0) for row in rows])),
        coverage=float(np.mean([bool(row.inside) for row in rows])),
    )
