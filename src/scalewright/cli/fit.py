"""`fit`: a table of runs to a law."""

import math
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from scalewright.cli.arguments import Inputs, Plot, Where, check_outputs
from scalewright.cli.columns import Columns, RunTable, read_runs
from scalewright.cli.console import Json, answers, errors, print_json
from scalewright.cli.law_text import LEVEL, print_held_out, print_law
from scalewright.cli.options import pairs
from scalewright.cli.plot import draw_law
from scalewright.errors import InputError
from scalewright.laws import Law, Runs, fit_inputs
from scalewright.laws.holdout import hold_out
from scalewright.laws.plain import HUBER_DELTA, fit_plain, plain_fit
from scalewright.laws.profile import profile_intervals


def fit(
    runs: Annotated[
        Path, typer.Argument(metavar="RUNS", help="Table (.csv, .tsv, .jsonl, .parquet), or the word ledger.")
    ],
    params: Annotated[str | None, typer.Option(metavar="COL", help="Column of sizes.", show_default="params")] = None,
    tokens: Annotated[
        str | None, typer.Option(metavar="COL", help="Column of tokens seen.", show_default="tokens")
    ] = None,
    loss: Annotated[
        str | None, typer.Option(metavar="COL", help="Column of losses, in nats.", show_default="loss")
    ] = None,
    compute: Annotated[
        str | None,
        typer.Option(metavar="COL", help="Column of FLOPs, 6 N D, in place of params or tokens, or to check both."),
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
    loss_zero: Annotated[
        float,
        typer.Option(help="What losses are measured from: below 0 where losses are, as those above a unigram model's."),
    ] = 0.0,
    huber: Annotated[float | None, typer.Option(help="Residuals beyond this count linearly.")] = None,
    bootstrap: Annotated[int, typer.Option(help="Draws for the intervals.")] = 400,
    seed: Annotated[int, typer.Option(help="Of draws and starts.")] = 0,
    resample: Annotated[
        Literal["runs", "trunks"] | None,
        typer.Option(help="What the bootstrap of one NAME draws.", show_default="runs"),
    ] = None,
    intervals: Annotated[
        Literal["bootstrap", "profile"],
        typer.Option(help="Of the parameters of one NAME: from its bootstrap, or by profile likelihood."),
    ] = "bootstrap",
    backtest: Annotated[
        bool, typer.Option("--backtest", help="Fit the smaller runs too, and score their forecasts of the larger ones.")
    ] = False,
    ledger: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Of `fit ledger`: path or URL.", show_default="the one of this folder"),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="law.json", help="Keep the law for predict and allocate.")] = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Fits a scaling law to a table of runs: the loss that size and data buy, with intervals."""
    check_outputs(runs, out, plot)
    if intervals == "profile" and (form == "auto" or "+" in form or priors):
        raise InputError("--intervals profile: is for the fit of one form without priors: name one --form")
    columns = Columns(params, tokens, compute, loss, unique_tokens, trunk, pairs(inputs or ()), curve, where, loss_zero)
    if runs == Path("ledger") and not runs.exists():
        from scalewright.cli.ledger_runs import read_ledger

        table = read_ledger(ledger, columns)
    elif ledger is not None:
        raise InputError(f"--ledger: belongs to `scalewright fit ledger`; found the runs of {runs}: leave one out")
    else:
        table = read_runs(runs, columns)
    fit_to = partial(
        _fitted,
        form=form,
        priors=priors,
        bootstrap=bootstrap,
        seed=seed,
        huber=huber,
        resample=resample,
        zero=loss_zero,
    )
    with errors.status(f"fitting {form} to {len(table.rows)} runs"):
        law = fit_to(table)
    ends = law.intervals(LEVEL)
    if intervals == "profile":
        assert table.loss is not None
        checked = Runs.checked(table.inputs, table.loss, table.trunks, loss_zero)
        fitted = plain_fit(law.forms[0].form, checked, HUBER_DELTA if huber is None else huber, seed)
        ends = {**ends, **profile_intervals(fitted, LEVEL)}
    held_out = None
    if backtest:
        assert table.loss is not None
        with errors.status("fitting the smaller runs"):
            still = law.forms[0].form.still
            held_out = hold_out(table.inputs, table.loss, lambda kept: fit_to(table.take(kept)), still)
    law = law.model_copy(update={"warnings": (*table.warnings, *law.warnings)})
    if out is not None:
        law.save(out)
    if plot is not None:
        draw_law(plot, law, table.inputs, table.loss)
    if not json:
        print_law(answers, law, ends, out)
        print_held_out(answers, held_out or ())
        return
    print_json(
        {
            "form": law.form,
            "forms": [{"name": fitted.name, "weight": fitted.weight} for fitted in law.forms],
            "parameters": law.parameters,
            "intervals": {name: _ends(*interval) for name, interval in ends.items()},
            "level": LEVEL,
            "objective": law.forms[0].objective,
            "starts_agreeing": law.forms[0].starts_agreeing,
            "support": law.support.model_dump(exclude={"rungs"}),
            "noise": law.noise,
            "warnings": law.warnings,
            "out": None if out is None else str(out),
            **({} if held_out is None else {"backtest": [each.model_dump() for each in held_out]}),
        }
    )


def _fitted(
    table: RunTable,
    form: str,
    priors: bool,
    bootstrap: int,
    seed: int,
    huber: float | None,
    resample: Literal["runs", "trunks"] | None,
    zero: float,
) -> Law:
    if seed < 0:
        raise InputError(f"--seed: found {seed}, expected 0 or a positive whole number")
    assert table.loss is not None
    names = form.split("+")
    settings: dict[str, Any] = {"trunks": table.trunks, "zero": zero, "bootstrap": bootstrap, "seed": seed}
    if huber is not None:
        settings["huber_delta"] = huber
    if form != "auto" and len(names) == 1 and not priors:
        if resample == "trunks" and table.trunks is None:
            raise InputError("--resample trunks: found no trunks; name their column by --trunk COL")
        return fit_plain(table.inputs, table.loss, form, resample=resample or "runs", **settings)
    if resample is not None:
        raise InputError("--resample: is for the fit of one form without priors: leave it out, or name one --form")
    return fit_inputs(table.inputs, table.loss, forms=form if len(names) == 1 else names, **settings)


def _ends(low: float, high: float) -> tuple[float | None, float | None]:
    """An interval in JSON, which has no infinities."""
    return low if math.isfinite(low) else None, high if math.isfinite(high) else None
