"""`train`: a plan followed, or a training file, on this machine or on those that torchrun started."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from scalewright.cli.console import Json, answers, errors, print_json
from scalewright.cli.options import positive, refuse_others
from scalewright.cli.stopping import stoppable
from scalewright.cli.times import time_text
from scalewright.cli.waiting import wait_beside_others
from scalewright.errors import InputError
from scalewright.planning.machine_plan import MachinePlan

if TYPE_CHECKING:
    from scalewright.pipeline.by_hand import Training
    from scalewright.pipeline.carried_out import Trained
    from scalewright.pipeline.watch import Watch

_DEVICES = "auto", "cpu", "cuda"


def train(
    plan: Annotated[
        Path, typer.Argument(metavar="PLAN", help="A plan.json, of scalewright plan --out, or a training file, .toml.")
    ],
    data: Annotated[Path, typer.Option(metavar="DIR", help="Prepared data, of scalewright prepare.")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="For checkpoints and the model; the same on all nodes.")
    ] = Path("run"),
    learning_rate: Annotated[str | None, typer.Option(metavar="ETA", help="Of the matrices; by rule else.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the weights and the order of the data; 0 else.")] = None,
    device: Annotated[str, typer.Option(metavar="D", help="auto, cpu or cuda (and ROCm).")] = "auto",
    ledger: Annotated[
        str | None, typer.Option("--ledger", metavar="PATH", help="A ledger.db or a URL; of --out else.")
    ] = None,
    tune: Annotated[
        bool | None,
        typer.Option(
            "--tune/--no-tune",
            help="Measure first which kernels, threads and micro-batches are fastest here, and go by that; by default for a "
            "training file, not for a plan, which has forecast its own way.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Trains what a plan chose, and scores its forecasts; or what a training file describes. Resumable; start it by torchrun on
    several devices or nodes."""
    wait_beside_others()
    import torch

    from scalewright.cli.terminal import TerminalWatch
    from scalewright.machines import collectives
    from scalewright.pipeline.by_hand import Training

    chosen: Training | MachinePlan = Training.load(plan) if plan.suffix == ".toml" else MachinePlan.load(plan)
    if seed is not None and not 0 <= seed < 2**62:
        raise InputError(f"--seed {seed}: expected a number from 0 to below 2^62")
    rate = None if learning_rate is None else positive("--learning-rate", learning_rate)
    refuse_others("--device", device, _DEVICES)
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError(f"--device cuda: torch {torch.__version__} sees none: use cpu, or install a build for it")
    on = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if collectives.launched():
        collectives.join(on)
    with stoppable(), TerminalWatch(errors) as watch:
        trained = _trained(chosen, plan.parent, data, out, rate, seed, on, ledger, tune, watch)
    if trained is None:  # another process of the job answers
        return
    if json:
        print_json(trained.model_dump(mode="json") | {"peak_memory": trained.peak_memory_bytes})
        return
    loss = f"{trained.loss:.4f}"
    if isinstance(chosen, MachinePlan):
        said = chosen.forecast
        loss += f" (forecast {said.value:.3f}, {said.low:.3f} to {said.high:.3f})"
    used = "" if trained.mfu is None else f", {trained.mfu:.0%} of the peak"
    lines = (
        ("loss", f"{loss}, test {trained.test_loss:.4f}"),
        *((name.replace("_", " "), f"{value:.4f}") for name, value in trained.metrics.items()),
        ("time", f"{time_text(trained.seconds)}, {trained.tokens_per_second:,.0f} {trained.unit}/s{used}"),
        ("memory", f"{trained.peak_memory_bytes / 2**30:.2f} GiB at most in the first process"),
        ("run", trained.run),
        ("model", str(trained.model)),
    )
    for label, text in lines:
        answers.print(Text.assemble((f"{label:>13}", "bold"), "  ", text), highlight=False, soft_wrap=True)


def _trained(
    chosen: "Training | MachinePlan",
    base: Path,
    data: Path,
    out: Path,
    rate: float | None,
    seed: int | None,
    device: str,
    ledger: str | None,
    tune: bool | None,
    watch: "Watch",
) -> "Trained | None":
    from scalewright.pipeline.by_hand import train_by_hand
    from scalewright.pipeline.followed import follow

    if isinstance(chosen, MachinePlan):
        return follow(
            chosen,
            data,
            out,
            learning_rate=rate,
            seed=seed or 0,
            device=device,
            ledger=ledger,
            tune=bool(tune),
            watch=watch,
        )
    described = chosen
    if rate is not None:
        described = described.model_copy(update={"recipe": described.recipe.with_values({"learning_rate": rate})})
    if seed is not None:
        described = described.model_copy(update={"seed": seed})
    return train_by_hand(
        described, data, out, base=base, device=device, ledger=ledger, tune=tune is not False, watch=watch
    )
