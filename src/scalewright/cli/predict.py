"""`predict`: what a law says of a run, or of a table of them."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from scalewright.cli.arguments import Inputs, LawFile, Level, Plot, Where, check_outputs
from scalewright.cli.columns import Columns, read_places
from scalewright.cli.console import Json, answers, errors, print_json
from scalewright.cli.forecasts import forecast_rows
from scalewright.cli.law_text import LEVEL, print_forecasts, print_prediction, print_warnings
from scalewright.cli.options import pairs, place
from scalewright.cli.plot import draw_law
from scalewright.errors import InputError
from scalewright.laws import Law
from scalewright.laws.extrapolation import warn_far


def predict(
    law: LawFile,
    params: Annotated[str | None, typer.Option(metavar="N", help="Size, such as 70B; with --table a column.")] = None,
    tokens: Annotated[
        str | None, typer.Option(metavar="D", help="Tokens, such as 1.4T; with --table a column.")
    ] = None,
    unique_tokens: Annotated[
        str | None, typer.Option(metavar="U", help="Distinct tokens, fewer than D where some are repeated.")
    ] = None,
    inputs: Inputs = None,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Forecast every row; where it has losses, score them.")
    ] = None,
    loss: Annotated[str | None, typer.Option(metavar="COL", help="Column of losses of --table.")] = None,
    compute: Annotated[
        str | None,
        typer.Option(
            metavar="C", help="Of a law in compute; with --table a column of 6 N D, also for params or tokens."
        ),
    ] = None,
    where: Where = None,
    level: Level = LEVEL,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Forecasts the loss of a run, or of every row of a table, with an interval."""
    check_outputs(law, None, plot)
    fitted = Law.load(law)
    if table is None:
        _refuse_columns(loss=loss, where=where)
        given = {"params": params, "tokens": tokens, "compute": compute, **pairs(inputs or ())}
        at = place(fitted.inputs, given, unique_tokens)
        forecast = fitted.predict(**at, level=level)
        warnings = tuple(warn_far(fitted, {name: np.array([value]) for name, value in at.items()}))
        if plot is not None:
            draw_law(plot, fitted, forecast=(at, forecast), level=level)
        if json:
            print_json({**forecast.model_dump(), "warnings": warnings})
        else:
            print_prediction(answers, forecast)
            print_warnings(answers, warnings)
        return
    columns = Columns(
        params, tokens, compute, loss, unique_tokens, None, pairs(inputs or ()), False, where, fitted.units.zero
    )
    rows = read_places(table, columns, fitted.inputs)
    with errors.status(f"forecasting {len(rows.rows)} rows"):
        forecasts = forecast_rows(fitted, rows, level)
    if plot is not None:
        draw_law(plot, fitted, rows.inputs, rows.loss, level=level)
    if json:
        print_json(forecasts.model_dump(exclude_none=True))
    else:
        print_forecasts(answers, forecasts)
        print_warnings(answers, forecasts.warnings)


def _refuse_columns(**options: str | None) -> None:
    for name, value in options.items():
        if value is not None:
            raise InputError(f"--{name}: belongs to --table FILE; give one, or leave --{name} out")
