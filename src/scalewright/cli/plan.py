"""`plan`: the best model for a machine within limits, before any run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from scalewright.cli.arguments import Executor, Plot
from scalewright.cli.console import Json, answers, plain_table, print_json, print_table
from scalewright.cli.hardware import ledger_prices, machine_named, timed_runs
from scalewright.cli.options import gigabytes, positive
from scalewright.cli.plan_plot import draw_plan
from scalewright.cli.plot import check_image, number_text
from scalewright.cli.project_plan import print_project_plan
from scalewright.cli.times import time_text
from scalewright.errors import InputError
from scalewright.planning.machine_plan import MachinePlan, Option


def plan(
    context_of_command: typer.Context,
    project: Annotated[
        Path | None, typer.Argument(metavar="[PROJECT]", help="A project.toml: its own ladder, law and machine.")
    ] = None,
    law: Annotated[
        str | None, typer.Option(metavar="LAW", help="A law.json, or published:chinchilla, :hoffmann, :kaplan.")
    ] = None,
    machine: Annotated[
        str | None,
        typer.Option(metavar="M", help='COUNT x NAME, as "64 x H100-SXM"; a .toml as NAME; local; a machine.json.'),
    ] = None,
    hours: Annotated[str | None, typer.Option(metavar="H", help="Limit of time.")] = None,
    days: Annotated[str | None, typer.Option(metavar="D", help="Limit of time.")] = None,
    usd: Annotated[str | None, typer.Option(metavar="X", help="Limit of money.")] = None,
    kwh: Annotated[str | None, typer.Option(metavar="E", help="Limit of energy, the devices' boards alone.")] = None,
    flops: Annotated[str | None, typer.Option(metavar="C", help="Limit of FLOPs.")] = None,
    memory: Annotated[
        str | None, typer.Option(metavar="GB", help="Of each device, where less than it has; with a unit, as 500MB.")
    ] = None,
    params: Annotated[str | None, typer.Option(metavar="N", help="The size, where it is given.")] = None,
    tokens: Annotated[str | None, typer.Option(metavar="D", help="The data, where they are given.")] = None,
    unique_tokens: Annotated[
        str | None, typer.Option(metavar="U", help="Distinct tokens there are; more are repeats.")
    ] = None,
    usd_per_hour: Annotated[str | None, typer.Option(metavar="P", help="Price of a device-hour.")] = None,
    vocabulary: Annotated[int | None, typer.Option(metavar="V", help="Entries of the vocabulary.")] = None,
    context: Annotated[int | None, typer.Option(metavar="T", help="Tokens of a sequence.")] = None,
    serving_memory: Annotated[
        str | None, typer.Option(metavar="GB", help="Of the served model: weights in half precision and one cache.")
    ] = None,
    serving_ms: Annotated[
        str | None, typer.Option(metavar="MS", help="Milliseconds a token, generating for one reader on one device.")
    ] = None,
    serving_tokens: Annotated[
        str | None, typer.Option(metavar="S", help="Tokens to be served in the model's life, out of the same limits.")
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Of runs trained on this machine: they correct its speed; pairs of them price precisions.",
        ),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say why each number is what it is.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the plan, as JSON.")] = None,
    plot: Plot = None,
    executor: Executor = "local",
    json: Json = False,
) -> None:
    """Plans the model of least loss that a machine can train within limits: size, data, layout, time, cost."""
    if plot is not None:
        check_image(plot)
    if project is not None:
        _refuse_options(context_of_command, project)
        print_project_plan(project, executor=executor, explain=explain, out=out, json=json)
        return
    if law is None or machine is None:
        raise InputError("plan: expected a project.toml, or both --law and --machine")
    from scalewright.planning.request import plan as plan_request

    on = machine_named(machine)
    found = plan_request(
        law,
        on,
        hours=_number("--hours", hours),
        days=_number("--days", days),
        usd=_number("--usd", usd),
        kwh=_number("--kwh", kwh),
        flops=_number("--flops", flops),
        memory_gb=_memory("--memory", memory),
        params=_number("--params", params),
        tokens=_number("--tokens", tokens),
        unique_tokens=_number("--unique-tokens", unique_tokens),
        usd_per_hour=_number("--usd-per-hour", usd_per_hour),
        vocabulary=vocabulary,
        context=context,
        serving_memory_gb=_memory("--serving-memory", serving_memory),
        serving_ms=_number("--serving-ms", serving_ms),
        serving_tokens=_number("--serving-tokens", serving_tokens),
        runs=timed_runs(ledger, on),
        prices=ledger_prices(ledger, law, on),
    )
    if out is not None:
        found.save(out)
    if plot is not None:
        draw_plan(plot, found)
    if json:
        print_json(found.model_dump(mode="json"))
        return
    for label, text in _lines(found):
        answers.print(Text.assemble((f"{label:>10}", "bold"), "  ", text), highlight=False, soft_wrap=True)
    print_table(_front(found))
    if explain:
        for name, reason in found.reasons.items():
            answers.print(Text.assemble((f"{name:>10}", "bold"), "  ", str(reason)), highlight=False, soft_wrap=True)


def _refuse_options(context: typer.Context, project: Path) -> None:
    """A project says itself what its plan is for."""
    kept = {"project", "explain", "out", "json", "executor"}
    for name in context.params:
        source = context.get_parameter_source(name)
        if name not in kept and source is not None and source.name == "COMMANDLINE":
            raise InputError(
                f"--{name.replace('_', '-')}: found beside {project}, which says what is planned: leave one out"
            )


def _number(option: str, text: str | None) -> float | None:
    return None if text is None else positive(option, text)


def _memory(option: str, text: str | None) -> float | None:
    return None if text is None else gigabytes(option, text)


def _lines(plan: MachinePlan) -> Iterator[tuple[str, str]]:
    choice, forecast, time = plan.choice, plan.forecast, plan.forecast_seconds
    shape = choice.shape
    yield "machine", f"{plan.machine}; within {_limits(plan.limits)}"
    yield (
        "model",
        f"{number_text(choice.params)} params ({number_text(choice.params_total)} with the embedding): {shape.depth} layers, "
        f"width {shape.width}, {shape.heads} heads, feed-forward {shape.hidden}",
    )
    ratio, level = choice.tokens / choice.params, f"{100 * forecast.level:g} %"
    yield "data", f"{number_text(choice.tokens)} tokens, {ratio:.3g} for each parameter, {choice.steps:,} steps"
    said = f"{forecast.value:.4f} ({forecast.low:.3f} – {forecast.high:.3f}, {level})"
    yield "loss", f"{said} nats per token, by {plan.law}"
    said = f"{time_text(time.value)} ({time_text(time.low)} – {time_text(time.high)}, {level})"
    yield "time", f"{said}, {choice.device_hours:,.4g} device-hours"
    cost = [f"{choice.flops:.3g} FLOPs"]
    cost += [] if choice.kwh is None else [f"{choice.kwh:,.4g} kWh"]
    cost += [] if choice.usd is None else [f"{choice.usd:,.4g} USD"]
    yield "cost", ", ".join(cost)
    yield "layout", f"{choice.precision}, {choice.layout}"
    share = f"{choice.mfu:.0%} of the peak, {plan.efficiency:.0%} of the textbook's ideal"
    yield "speed", f"{choice.tokens_per_second:,.4g} tokens/s, {share}"
    yield "memory", f"{choice.memory_bytes / 1e9:.3g} GB on the fullest device"
    served = (
        f"{choice.serving_bytes / 1e9:.3g} GB, {1e3 * choice.serving_seconds_per_token:.3g} ms a token for one reader"
    )
    if choice.serving_seconds > 0:
        served += f", {time_text(choice.serving_seconds)} for all that is to be served"
    yield "serving", served
    if plan.runner_up is not None:
        other = plan.runner_up
        yield (
            "runner-up",
            f"{number_text(other.params)} params on {number_text(other.tokens)} tokens, loss {other.loss:.4f}",
        )
    mean, most = plan.regret
    yield "regret", f"{mean:.2%} of the loss expected over the law's draws, {most:.2%} in one of twenty"
    for warning in plan.warnings:
        yield "warning", warning


def _front(plan: MachinePlan) -> Table:
    table = plain_table("or")
    for heading in ("params", "tokens", "loss", "time", "GB a device", "serving GFLOP/token"):
        table.add_column(heading, justify="right", no_wrap=True)
    for option in plan.front:
        table.add_row(*_row(option))
    return table


def _row(option: Option) -> tuple[str, ...]:
    return (
        number_text(option.params),
        number_text(option.tokens),
        f"{option.loss:.4f}",
        time_text(option.seconds),
        f"{option.memory_bytes / 1e9:.3g}",
        f"{option.serving_flops_per_token / 1e9:.3g}",
    )


def _limits(limits: dict[str, float]) -> str:
    units = {
        "usd": "{:,.4g} USD",
        "kwh": "{:,.4g} kWh",
        "flops": "{:.4g} FLOPs",
        "serving_tokens": "{:.4g} tokens to be served",
    }
    said = [units[name].format(value) for name, value in limits.items() if name in units]
    if "seconds" in limits:
        said.insert(0, time_text(limits["seconds"]))
    if "memory_bytes" in limits:
        said.append(f"{limits['memory_bytes'] / 1e9:.4g} GB a device")
    if "serving_memory_bytes" in limits:
        said.append(f"{limits['serving_memory_bytes'] / 1e9:.4g} GB served")
    if "serving_seconds_per_token" in limits:
        said.append(f"{1e3 * limits['serving_seconds_per_token']:.4g} ms a token")
    return ", ".join(said) or "no limit"
