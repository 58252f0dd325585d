"""A law and its forecasts as people read them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from scalewright.cli.console import plain_table
from scalewright.cli.forecasts import Forecasts, Row
from scalewright.cli.options import option
from scalewright.cli.plot import number_text
from scalewright.laws import Allocation, Law, Prediction, Proposal
from scalewright.laws.holdout import HeldOut

LEVEL = 0.9
"""Of the intervals of parameters."""

_SHOWN = 20


def print_law(console: Console, law: Law, intervals: Mapping[str, tuple[float, float]], out: Path | None) -> None:
    """The forms, the parameters of the heaviest, how well it was found, where it holds and what is doubtful."""
    leader, support = law.forms[0], law.support
    for fitted in law.forms:
        weight = f"{fitted.weight:.2f} " if len(law.forms) > 1 else ""
        _say(console, "form", f"{weight}{fitted.name}: {fitted.form.formula} ({fitted.form.source})")
    table = plain_table()
    for name in ("", f"of {leader.name}", f"{100 * LEVEL:g} % interval", "origin"):
        table.add_column(name, justify="left", no_wrap=True)
    for name, (low, high) in intervals.items():
        reason = law.reasons.get(name)
        origin = "of the data" if reason is None else reason.origin
        interval = f"{low:.4g} – {high:.4g}" if low < high else ""
        table.add_row(f"{name:>10}", f"{leader.parameters[name]:.5g}", interval, origin)
    console.print(table, highlight=False)
    ranges = ", ".join(
        f"{name} {number_text(low)} – {number_text(high)}" for name, (low, high) in support.inputs.items()
    )
    _say(console, "runs", f"{support.runs}: {ranges}")
    _say(console, "noise", f"{law.noise:.2%} of the loss from one run to its repeat")
    _say(console, "fit", f"objective {leader.objective:.6g}, reached by {leader.starts_agreeing:.0%} of the starts")
    print_warnings(console, law.warnings)
    if out is None:
        _say(console, "next", "keep the law for `scalewright predict` by --out law.json")
    else:
        further = " ".join(
            option(name, number_text(float(f"{3 * high:.1g}"))) for name, (_, high) in support.inputs.items()
        )
        _say(console, "next", f"scalewright predict {out} {further}")


def print_held_out(console: Console, held_out: Sequence[HeldOut]) -> None:
    """How laws of the smaller runs forecast the larger ones."""
    for each in held_out:
        counts = f"{each.times:g}x: {each.forecast} runs from {each.fitted} up to 1/{each.times:g} of the largest"
        if each.median_error is None or each.coverage is None:
            _say(console, "backtest", f"{counts}: none, {each.refused}", "yellow")
        else:
            _say(
                console, "backtest", f"{counts}: median error {each.median_error:.2%}, {each.coverage:.0%} inside 90 %"
            )


def print_prediction(console: Console, forecast: Prediction) -> None:
    """A loss and its interval."""
    _say(console, "forecast", _forecast(forecast))


def print_allocation(console: Console, best: Allocation, reason: str) -> None:
    """The best split of a budget, how sure it is, and the loss it buys."""
    ratio, level = best.tokens / best.params, f"{100 * best.level:g} %"
    _say(console, "budget", f"{best.flops:.4g} FLOPs: {reason}")
    _say(console, "best", f"{number_text(best.params)} params on {number_text(best.tokens)} tokens, {ratio:.3g} each")
    if best.passes > 1:
        _say(console, "passes", f"{best.passes:.3g} over the distinct tokens")
    sizes, tokens = _range(best.params_interval), _range(best.tokens_interval)
    _say(console, "or", f"{sizes} params on {tokens} tokens ({level} of the law's draws)")
    mean, most = best.regret
    _say(console, "regret", f"{mean:.2%} of the loss expected, {most:.2%} in one draw of twenty")
    _say(console, "flat", f"within 0.1 % of the least loss from {_range(best.flat)} params")
    _say(console, "forecast", _forecast(best))
    print_warnings(console, best.warnings)


def print_proposal(console: Console, proposal: Proposal) -> None:
    """The runs to do next, and what each is expected to do for the interval."""
    target = ", ".join(f"{name} {number_text(value)}" for name, value in proposal.target.items())
    _say(console, "target", target)
    _say(console, "now", _forecast(proposal.now))
    for number, run in enumerate(proposal.runs, start=1):
        place = ", ".join(f"{name} {number_text(float(f'{value:.3g}'))}" for name, value in run.inputs.items())
        _say(console, f"run {number}", f"{place}   cost {run.cost:.3g}   then expected {run.low:.4g} – {run.high:.4g}")
    _say(console, "spent", f"{proposal.spent:.3g} on {len(proposal.runs)} runs")
    if proposal.stop:
        _say(console, "stop", "these runs would hardly narrow the interval: save the sum, or spend more", "yellow")


def print_forecasts(console: Console, forecasts: Forecasts) -> None:
    """The first rows of a table, and how the law scored on all of them."""
    for row in forecasts.rows[:_SHOWN]:
        place = ", ".join(f"{name} {number_text(value)}" for name, value in row.inputs.items())
        measured = "" if row.measured is None else f"   measured {row.measured:.4g}, {row.error:+.1%}"
        _say(console, f"row {row.row}", f"{place}   {row.loss:.4g}   {100 * row.level:g} %: {_span(row)}{measured}")
    if len(forecasts.rows) > _SHOWN:
        _say(console, "", f"... and {len(forecasts.rows) - _SHOWN} more rows: --json prints all")
    if forecasts.median_error is not None:
        level = forecasts.rows[0].level
        _say(
            console,
            "score",
            f"median error {forecasts.median_error:.2%}, {forecasts.coverage:.0%} of {len(forecasts.rows)} rows "
            f"inside their {100 * level:g} % intervals",
        )


def print_warnings(console: Console, warnings: tuple[str, ...]) -> None:
    """One line for each."""
    for warning in warnings:
        _say(console, "warning", warning, "yellow")


def _forecast(forecast: Prediction | Allocation) -> str:
    far = forecast.extrapolation
    where = f"{far:.3g}x beyond the runs" if far > 1 else f"within the runs ({far:.2g}x their largest)"
    return f"{forecast.loss:.4g} nats/token   {100 * forecast.level:g} %: {_span(forecast)}   {where}"


def _range(ends: tuple[float, float]) -> str:
    low, high = (number_text(float(f"{end:.3g}")) for end in ends)
    return f"{low} – {high}"


def _span(forecast: Prediction | Allocation | Row) -> str:
    return f"{forecast.low:.4g} – {forecast.high:.4g}"


def _say(console: Console, head: str, text: str, style: str = "bold cyan") -> None:
    console.print(Text.assemble((f"{head:>10}  ", style), text), soft_wrap=True, highlight=False)
