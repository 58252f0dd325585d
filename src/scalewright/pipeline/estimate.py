"""What a project will do and cost, said before anything is spent."""

from pathlib import Path
from typing import ClassVar, NamedTuple

from scalewright.architectures import LlamaFamily
from scalewright.data.sources import mixture_of
from scalewright.documents import Document
from scalewright.laws import Supply
from scalewright.machines import Machine
from scalewright.machines.probe import probe
from scalewright.machines.speed import MeasuredSpeed, Speed, Speeds
from scalewright.pipeline.machine_file import trainable_here
from scalewright.pipeline.order import (
    ASSUMED_UTILISATION,
    final_compute,
    ladder_order,
    rough_settings,
    training_precision,
)
from scalewright.pipeline.plan import MARGIN
from scalewright.pipeline.project import Project
from scalewright.pipeline.workspace import STATE
from scalewright.planning import Ladder, design_ladder, first_guess, nearest_shape
from scalewright.tasks import Expected, task_named

OTHER_SECONDS = 30.0
"""Assumed for everything but training: reading, tokenising, timing, fitting, measuring, the report."""
REPORT_BYTES = 6_000_000
CHECKPOINT_BYTES_PER_PARAM = 12


class Estimate(Document):
    """`run --dry-run --json` prints this."""

    KIND: ClassVar[str] = "estimate"

    text_bytes: int
    tokens: int
    vocabulary: int
    runs: int
    rungs: tuple[str, ...]
    ladder_seconds: float
    final_params: int
    final_tokens: int
    final_seconds: float
    other_seconds: float
    disk_bytes: int
    speed: str
    """Where the training speed comes from."""
    sources: tuple[str, ...] = ()
    """Of a mixture: how each of them is drawn from."""

    def lines(self) -> list[str]:
        """For people."""
        total = self.ladder_seconds + self.final_seconds + self.other_seconds
        return [
            f"data      {self.text_bytes / 1e6:.2f} MB of text, about {self.tokens:,} tokens "
            f"of a vocabulary of {self.vocabulary:,}",
            *(f"source    {source}" for source in self.sources),
            f"ladder    {self.runs} runs, about {self.ladder_seconds:.0f} s: {'; '.join(self.rungs)}",
            f"final     about {self.final_params:,} params on {self.final_tokens:,} tokens, {self.final_seconds:.0f} s; "
            "the law will choose",
            f"other     about {self.other_seconds:.0f} s",
            f"in all    about {total / 60:.1f} minutes, {self.disk_bytes / 1e6:.0f} MB of disk",
            f"speed     {self.speed}",
        ]


class Foreseen(NamedTuple):
    """A project before anything of it is done, as far as it can be told from its file, its data's sizes and a quick probe."""

    project: Project
    machine: Machine
    data: Expected
    family: LlamaFamily
    speeds: Speeds
    speed: str
    """Where the speeds come from."""
    ladder: Ladder


def foresee(path: Path) -> Foreseen:
    """What a project will work with. Trains and writes nothing.

    Raises:
        InputError: the project file or its data are wrong, or the budget is too small.
    """
    project = Project.load(path)
    root = path.resolve().parent
    task = task_named(project.task)
    expected = task.expect(project.text, base=root, tokenizer=project.tokenizer)
    budget = project.budget
    machine = _machine(project, root)
    precision, _ = training_precision(machine)
    assumed = ASSUMED_UTILISATION * machine.rate(precision)
    settings = rough_settings(budget, machine)
    family = task.family(expected.vocabulary, settings.context)
    saved = root / STATE / "speeds.json"
    if saved.exists():
        speeds = Speeds.load(saved)
        origin = f"measured: {saved}"
    else:
        speeds = Speeds(
            ladder=_assumed_speed(
                assumed / machine.threads / 2, precision, 1, machine.threads - 1, settings.batch_size
            ),
            final=_assumed_speed(assumed, precision, machine.threads, 0, settings.batch_size),
        )
        origin = (
            f"assumed: {ASSUMED_UTILISATION:.0%} of the probed {machine.rate(precision) / 1e9:,.0f} GFLOP/s for the final run, "
            "half of that for the small ones side by side"
        )
    ladder = design_ladder(
        ladder_order(
            budget,
            family=family,
            settings=settings,
            speeds=speeds,
            workers=machine.threads,
            supply=expected.supply,
            seed=project.seed,
            given=project.recipe,
        )
    )
    return Foreseen(project, machine, expected, family, speeds, origin, ladder)


def estimate(path: Path) -> Estimate:
    """Estimates what `run_project` would do. Reads the data's sizes; trains and writes nothing.

    Raises:
        InputError: the project file or its data are wrong, or the budget is too small.
    """
    project, _, expected, family, speeds, origin, ladder = foresee(path)
    share = 1.0 if project.budget.seconds is None else MARGIN
    flops, seconds = (share * value for value in final_compute(project.budget, family, speeds))
    shape = nearest_shape(family, first_guess(flops)[0])
    params_total = sum(rung.shape.params_total for rung in ladder.rungs) + shape.params_total
    return Estimate(
        text_bytes=expected.bytes,
        tokens=expected.tokens,
        vocabulary=expected.vocabulary,
        runs=sum(len(rung.horizons) for rung in ladder.rungs),
        rungs=tuple(
            f"{rung.shape.params:,} params to {rung.horizons[-1] * ladder.tokens_per_step:,} tokens ({rung.role})"
            for rung in ladder.rungs
        ),
        ladder_seconds=ladder.seconds,
        final_params=shape.params,
        final_tokens=int(flops / shape.train_flops_per_token),
        final_seconds=seconds,
        other_seconds=OTHER_SECONDS,
        disk_bytes=4 * expected.tokens + CHECKPOINT_BYTES_PER_PARAM * params_total + REPORT_BYTES,
        speed=origin,
        sources=_drawn(project, expected.supply, flops / shape.train_flops_per_token),
    )


def _drawn(project: Project, supply: Supply, tokens: float) -> tuple[str, ...]:
    return tuple(
        f"{source.name}: {share:.1%} of the tokens, {passes:.2f} passes over about {there:,}"
        for source, share, passes, there in zip(
            mixture_of(project.text), supply.shares, supply.passes(tokens), supply.tokens, strict=False
        )
    )


def _machine(project: Project, root: Path) -> Machine:
    if project.machine.use != "local":
        return trainable_here(root / project.machine.use)
    saved = root / STATE / "machine.json"
    return Machine.load(saved) if saved.exists() else probe(quick=True, device="cpu")


def _assumed_speed(flops_per_second: float, precision: str, threads: int, beside: int, batch: int) -> Speed:
    points = tuple(
        MeasuredSpeed(flops_per_token=cost, tokens_per_second=flops_per_second / cost, spread=0.0, steps=1)
        for cost in (1e5, 1e9)
    )
    return Speed(precision=precision, threads=threads, beside=beside, batch_size=batch, points=points)
