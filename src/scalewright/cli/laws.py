"""`fit`, `predict` and `allocate`: a table of runs to a law, and a law to what it says."""

import json as encoder
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from scalewright.cli.columns import Columns, RunTable, read_places, read_runs
from scalewright.cli.console import Json, answers, errors
from scalewright.cli.forecasts import forecast_rows
from scalewright.cli.law_text import (
    LEVEL,
    print_allocation,
    print_forecasts,
    print_law,
    print_prediction,
    print_warnings,
)
from scalewright.cli.options import option, pairs, positive, refuse_unknown
from scalewright.cli.plot import check_image, draw_law
from scalewright.errors import InputError
from scalewright.laws import Law, fit_inputs
from scalewright.laws import allocate as best_split
from scalewright.laws.plain import fit_plain

Where = Annotated[str | None, typer.Option(help="Rows to take, such as \"dataset == 'c4' and params > 1e8\".")]
Inputs = Annotated[
    list[str] | None, typer.Option("--input", metavar="NAME=...", help="Another input of the law; repeatable.")
]
Level = Annotated[float, typer.Option(help="Probability that the interval is to hold.")]
Plot = Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it: .png, .svg or .pdf.")]
LawFile = Annotated[Path, typer.Argument(metavar="LAW", help="A law.json, from scalewright fit --out.")]


def fit(
    runs: Annotated[Path, typer.Argument(metavar="RUNS", help="Table of runs: .csv, .tsv, .jsonl or .parquet.")],
    params: Annotated[str | None, typer.Option(metavar="COL", help="Column of sizes.  [default: params]")] = None,
    tokens: Annotated[str | None, typer.Option(metavar="COL", help="Column of tokens seen.  [default: tokens]")] = None,
    loss: Annotated[str | None, typer.Option(metavar="COL", help="Column of losses, in nats.  [default: loss]")] = None,
    compute: Annotated[
        str | None, typer.Option(metavar="COL", help="Column of FLOPs, 6 N D, in place of params or tokens.")
    ] = None,
    unique_tokens: Annotated[str | None, typer.Option(metavar="COL", help="Column of distinct tokens.")] = None,
    trunk: Annotated[
        str | None, typer.Option(metavar="COL", help="Column of labels: equal ones are branches of one long run.")
    ] = None,
    inputs: Inputs = None,
    curve: Annotated[bool, typer.Option("--curve", help="A learning curve: the loss against one input alone.")] = False,
    form: Annotated[
        str, typer.Option(metavar="auto|NAME|A+B", help="The average of all forms, one, or some.")
    ] = "auto",
    priors: Annotated[bool, typer.Option("--priors", help="Fit one NAME as auto does, not as papers do.")] = False,
    where: Where = None,
    huber: Annotated[float | None, typer.Option(help="Residuals beyond this count linearly.")] = None,
    bootstrap: Annotated[int, typer.Option(help="Draws for the intervals.")] = 400,
    seed: Annotated[int, typer.Option(help="Of draws and starts.")] = 0,
    resample: Annotated[
        Literal["runs", "trunks"] | None, typer.Option(help="What the bootstrap of one NAME draws.  [default: runs]")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="law.json", help="Keep the law for predict and allocate.")] = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Fits a scaling law to a table of runs: the loss that size and data buy, with intervals."""
    if runs == Path("ledger") and not runs.exists():
        raise InputError("ledger: cannot be read here yet; expected a file of runs: .csv, .tsv, .jsonl or .parquet")
    _check_outputs(runs, out, plot)
    columns = Columns(params, tokens, compute, loss, unique_tokens, trunk, pairs(inputs or ()), curve, where)
    table = read_runs(runs, columns)
    with errors.status(f"fitting {form} to {len(table.rows)} runs"):
        law = _fitted(table, form, priors, bootstrap, seed, huber, resample)
    law = law.model_copy(update={"warnings": (*table.warnings, *law.warnings)})
    if out is not None:
        law.save(out)
    if plot is not None:
        draw_law(plot, law, table.inputs, table.loss)
    if not json:
        print_law(answers, law, out)
        return
    _print_json(
        {
            "form": law.form,
            "forms": [{"name": fitted.name, "weight": fitted.weight} for fitted in law.forms],
            "parameters": law.parameters,
            "intervals": {name: _ends(*interval) for name, interval in law.intervals(LEVEL).items()},
            "level": LEVEL,
            "objective": law.forms[0].objective,
            "starts_agreeing": law.forms[0].starts_agreeing,
            "support": law.support.model_dump(exclude={"rungs"}),
            "noise": law.noise,
            "warnings": law.warnings,
            "out": None if out is None else str(out),
        }
    )


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
    _check_outputs(law, None, plot)
    fitted = Law.load(law)
    if table is None:
        _refuse_columns(loss=loss, where=where)
        given = {"params": params, "tokens": tokens, "compute": compute, **pairs(inputs or ())}
        place = _place(fitted, given, unique_tokens)
        forecast = fitted.predict(**place, level=level)
        if plot is not None:
            draw_law(plot, fitted, forecast=(place, forecast), level=level)
        if json:
            _print_json(forecast.model_dump())
        else:
            print_prediction(answers, forecast)
        return
    columns = Columns(params, tokens, compute, loss, unique_tokens, None, pairs(inputs or ()), False, where)
    rows = read_places(table, columns, fitted.inputs)
    with errors.status(f"forecasting {len(rows.rows)} rows"):
        forecasts = forecast_rows(fitted, rows, level)
    if plot is not None:
        draw_law(plot, fitted, rows.inputs, rows.loss, level=level)
    if json:
        _print_json(forecasts.model_dump(exclude_none=True))
    else:
        print_forecasts(answers, forecasts)
        print_warnings(answers, forecasts.warnings)


def allocate(
    law: LawFile,
    compute: Annotated[str, typer.Option(metavar="C", help="Budget of training FLOPs, 6 N D, such as 1e22.")],
    unique_tokens: Annotated[
        str | None, typer.Option(metavar="U", help="Distinct tokens there are; more are repeats.")
    ] = None,
    level: Level = LEVEL,
    json: Json = False,
) -> None:
    """Splits a budget of compute between size and data for the least loss."""
    fitted = Law.load(law)
    if set(fitted.inputs) != {"params", "tokens"}:
        raise InputError(
            f"{law}: a law in {', '.join(fitted.inputs)}; expected one in params and tokens to split compute"
        )
    unique = None if unique_tokens is None else positive("--unique-tokens", unique_tokens)
    best = best_split(fitted, positive("--compute", compute), unique_tokens=unique, level=level)
    if json:
        _print_json(best.model_dump())
    else:
        print_allocation(answers, best)


def _fitted(
    table: RunTable,
    form: str,
    priors: bool,
    bootstrap: int,
    seed: int,
    huber: float | None,
    resample: Literal["runs", "trunks"] | None,
) -> Law:
    if seed < 0:
        raise InputError(f"--seed: found {seed}, expected 0 or a positive whole number")
    assert table.loss is not None
    names = form.split("+")
    settings: dict[str, Any] = {"trunks": table.trunks, "bootstrap": bootstrap, "seed": seed}
    if huber is not None:
        settings["huber_delta"] = huber
    if form != "auto" and len(names) == 1 and not priors:
        if resample == "trunks" and table.trunks is None:
            raise InputError("--resample trunks: found no trunks; name their column by --trunk COL")
        return fit_plain(table.inputs, table.loss, form, resample=resample or "runs", **settings)
    if resample is not None:
        raise InputError("--resample: is for the fit of one form without priors: leave it out, or name one --form")
    return fit_inputs(table.inputs, table.loss, forms=form if len(names) == 1 else names, **settings)


def _place(law: Law, given: Mapping[str, str | None], unique_tokens: str | None) -> dict[str, float]:
    """The place to forecast at, as numbers."""
    texts = {name: text for name, text in given.items() if text is not None}
    refuse_unknown(texts, law.inputs)
    for name in law.inputs:
        if name not in texts:
            raise InputError(
                f"{option(name)} is missing: the law depends on {', '.join(law.inputs)}; or give --table FILE"
            )
    if unique_tokens is not None:
        refuse_unknown({"tokens": unique_tokens}, law.inputs)
        texts["unique_tokens"] = unique_tokens
    return {name: positive(option(name).removesuffix("=..."), text) for name, text in texts.items()}


def _check_outputs(source: Path, out: Path | None, plot: Path | None) -> None:
    """Before any work is done for nothing."""
    if out is not None:
        if out.is_dir():
            raise InputError(f"--out {out}: this is a folder; name a file in it, such as {out / 'law.json'}")
        if out.exists() and source.exists() and out.samefile(source):
            raise InputError(f"--out {out}: this is the table of runs; name another file")
    if plot is not None:
        check_image(plot)
    if out is not None and plot is not None and out.resolve() == plot.resolve():
        raise InputError(f"--out and --plot: both are {out}; name two files")


def _refuse_columns(**options: str | None) -> None:
    for name, value in options.items():
        if value is not None:
            raise InputError(f"--{name}: belongs to --table FILE; give one, or leave --{name} out")


def _ends(low: float, high: float) -> tuple[float | None, float | None]:
    """An interval in JSON, which has no infinities."""
    return low if math.isfinite(low) else None, high if math.isfinite(high) else None


def _print_json(answer: Mapping[str, Any]) -> None:
    print(encoder.dumps(answer, allow_nan=False))
