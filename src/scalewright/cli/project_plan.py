"""The plan of a project, made from its own ladder and machine; what is not done yet of these is done first."""

from pathlib import Path
from typing import Any

from rich.text import Text

from scalewright.cli.console import answers, errors, print_json
from scalewright.cli.stopping import stoppable
from scalewright.planning.plan import Plan


def print_project_plan(project: Path, *, executor: str, explain: bool, out: Path | None, json: bool) -> None:
    """Prepares data, probes, runs the ladder and fits the law, as far as that is left to do; prints the plan.

    Raises:
        InputError, WorkError: as running the project does.
    """
    from scalewright.cli.terminal import TerminalWatch
    from scalewright.pipeline.planned import plan_project
    from scalewright.pipeline.run import open_project

    with stoppable(), TerminalWatch(errors) as watch, open_project(project, watch) as at:
        plan = plan_project(at, workers=None, executor=executor).plan
    if out is not None:
        plan.save(out)
    if json:
        print_json(_answer(plan))
        return
    for label, text in _lines(plan):
        answers.print(Text.assemble((f"{label:>10}", "bold"), "  ", text), highlight=False, soft_wrap=True)
    if explain:
        for name, reason in plan.reasons.items():
            answers.print(Text.assemble((f"{name:>10}", "bold"), "  ", str(reason)), highlight=False, soft_wrap=True)


def _answer(plan: Plan) -> dict[str, Any]:
    found = plan.model_dump(mode="json")
    found["choice"] |= {
        "device_hours": plan.choice.seconds / 3600,
        "memory_bytes": plan.memory_bytes,
        "mfu": plan.mfu,
        "tokens_per_second": plan.tokens_per_second,
        "layout": {
            "devices": 1,
            "threads": plan.way.threads,
            "micro_batch": plan.recipe.batch_size // plan.way.accumulation,
        },
    }
    return found


def _lines(plan: Plan) -> list[tuple[str, str]]:
    choice, loss, time, other = plan.choice, plan.forecast, plan.forecast_seconds, plan.runner_up
    shape = choice.shape
    return [
        ("model", f"{choice.params:,} params: {shape.depth} layers, width {shape.width}, {shape.heads} heads"),
        ("data", f"{choice.tokens:,} tokens, {choice.tokens / choice.params:.3g} for each parameter, {choice.steps:,} steps"),
        ("loss", f"{loss.value:.4f} ({loss.low:.3f} – {loss.high:.3f}, {loss.level:.0%}) {loss.unit}"),
        ("time", f"{time.value:,.0f} s ({time.low:,.0f} – {time.high:,.0f}, {time.level:.0%})"),
        ("speed", f"{plan.tokens_per_second:,.0f} tokens/s, {plan.mfu:.0%} of the probed rate, {plan.efficiency:.0%} of the "
         "textbook's ideal"),
        ("memory", f"{plan.memory_bytes / 2**20:,.0f} MiB, {plan.recipe.precision}"),
        ("steps", str(plan.way)),
        ("runner-up", f"{other.params:,} params on {other.tokens:,} tokens, loss {other.loss:.4f}"),
    ]  # fmt: skip
