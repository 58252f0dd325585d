"""`train`: a plan followed, on this machine or on those that torchrun started."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from scalewright.cli.console import Json, answers, errors, print_json
from scalewright.cli.options import positive
from scalewright.cli.stopping import stoppable
from scalewright.cli.times import time_text
from scalewright.planning.machine_plan import MachinePlan


def train(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan.json, of scalewright plan --out.")],
    data: Annotated[Path, typer.Option(metavar="DIR", help="Prepared text, of scalewright prepare.")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="For checkpoints and the model; the same on all nodes.")
    ] = Path("run"),
    learning_rate: Annotated[
        str | None, typer.Option(metavar="ETA", help="Of the matrices; by the step law else.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the weights and the order of the data.")] = 0,
    device: Annotated[str, typer.Option(metavar="D", help="auto, cpu or cuda (and ROCm).")] = "auto",
    ledger: Annotated[
        str | None, typer.Option("--ledger", metavar="PATH", help="A ledger.db or a URL; of --out else.")
    ] = None,
    json: Json = False,
) -> None:
    """Trains what a plan chose, and scores its forecasts. Resumable; start it by torchrun on several devices or nodes."""
    import torch

    from scalewright.cli.terminal import TerminalWatch
    from scalewright.machines import collectives
    from scalewright.pipeline.followed import follow

    chosen = MachinePlan.load(plan)
    rate = None if learning_rate is None else positive("--learning-rate", learning_rate)
    on = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    launched = collectives.launched()
    if launched:
        collectives.join(on)
    with stoppable(), TerminalWatch(errors) as watch:
        followed = follow(chosen, data, out, learning_rate=rate, seed=seed, device=on, ledger=ledger, watch=watch)
    if launched:
        collectives.leave()
    if followed is None:  # another process of the job answers
        return
    if json:
        print_json(followed.model_dump(mode="json") | {"peak_memory": followed.peak_memory_bytes})
        return
    said = chosen.forecast
    lines = (
        (
            "loss",
            f"{followed.loss:.4f} (forecast {said.value:.3f}, {said.low:.3f} to {said.high:.3f}), "
            f"test {followed.test_loss:.4f}",
        ),
        *((name.replace("_", " "), f"{value:.4f}") for name, value in followed.metrics.items()),
        (
            "time",
            f"{time_text(followed.seconds)}, {followed.tokens_per_second:,.0f} tokens/s, {followed.mfu:.0%} of the peak",
        ),
        ("memory", f"{followed.peak_memory_bytes / 2**30:.2f} GiB at most in the first process"),
        ("run", followed.run),
        ("model", str(followed.model)),
    )
    for label, text in lines:
        answers.print(Text.assemble((f"{label:>10}", "bold"), "  ", text), highlight=False, soft_wrap=True)
