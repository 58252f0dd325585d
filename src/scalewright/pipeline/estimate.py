"""What a project will do and cost, said before anything is spent."""

from pathlib import Path
from typing import ClassVar

from scalewright.documents import Document
from scalewright.machines import Machine
from scalewright.machines.probe import probe
from scalewright.machines.speed import MeasuredSpeed, Speed, Speeds
from scalewright.models import TRAINABLE
from scalewright.pipeline.planned import ASSUMED_UTILISATION, DECAY_FRACTION
from scalewright.pipeline.project import Project
from scalewright.pipeline.speeds import compute_in, seconds_for
from scalewright.pipeline.workspace import STATE
from scalewright.planning import context_length, design_ladder, first_guess, ladder_batch, nearest_shape
from scalewright.tasks import task_named

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

    def lines(self) -> list[str]:
        """For people."""
        total = self.ladder_seconds + self.final_seconds + self.other_seconds
        return [
            f"data      {self.text_bytes / 1e6:.2f} MB of text, about {self.tokens:,} tokens "
            f"of a vocabulary of {self.vocabulary:,}",
            f"ladder    {self.runs} runs, about {self.ladder_seconds:.0f} s: {'; '.join(self.rungs)}",
            f"final     about {self.final_params:,} params on {self.final_tokens:,} tokens, {self.final_seconds:.0f} s; "
            "the law will choose",
            f"other     about {self.other_seconds:.0f} s",
            f"in all    about {total / 60:.1f} minutes, {self.disk_bytes / 1e6:.0f} MB of disk",
            f"speed     {self.speed}",
        ]


def estimate(path: Path) -> Estimate:
    """Estimates what `run_project` would do. Reads the data's sizes; trains and writes nothing.

    Raises:
        InputError: the project file or its data are wrong, or the budget is too small.
    """
    project = Project.load(path)
    root = path.resolve().parent
    task = task_named(project.task)
    expected = task.expect(project.data, base=root, tokenizer=project.tokenizer)
    budget = project.budget
    machine = _machine(project, root)
    precision = machine.precisions.advised if machine.precisions.advised in TRAINABLE else "fp32"
    assumed = ASSUMED_UTILISATION * machine.rate(precision)
    rough = budget.flops or assumed * (budget.seconds or 0.0)
    context, _ = context_length(rough)
    batch, _ = ladder_batch(rough, context)
    family = task.family(expected.vocabulary, context)
    saved = root / STATE / "speeds.json"
    if saved.exists():
        speeds = Speeds.load(saved)
        origin = f"measured: {saved}"
    else:
        speeds = Speeds(
            ladder=_assumed_speed(assumed / machine.threads / 2, precision, 1, machine.threads - 1, batch),
            final=_assumed_speed(assumed, precision, machine.threads, 0, batch),
        )
        origin = f"assumed: {ASSUMED_UTILISATION:.0%} of the probed {machine.rate(precision) / 1e9:,.0f} GFLOP/s"
    if budget.seconds is not None:
        seconds, flops = budget.seconds, compute_in(budget.seconds, family, speeds.final, rough)
    else:
        assert budget.flops is not None
        seconds, flops = seconds_for(budget.flops, family, speeds.final), budget.flops
    ladder = design_ladder(
        family,
        target_flops=flops,
        limit_seconds=budget.ladder * seconds,
        speed=speeds.ladder,
        workers=machine.threads,
        data_tokens=expected.tokens,
        decay_fraction=DECAY_FRACTION,
        precision=precision,
        seed=project.seed,
    )
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
    )


def _machine(project: Project, root: Path) -> Machine:
    if project.machine.use != "local":
        return Machine.load(root / project.machine.use)
    saved = root / STATE / "machine.json"
    return Machine.load(saved) if saved.exists() else probe(quick=True)


def _assumed_speed(flops_per_second: float, precision: str, threads: int, beside: int, batch: int) -> Speed:
    points = tuple(
        MeasuredSpeed(flops_per_token=cost, tokens_per_second=flops_per_second / cost, spread=0.0, steps=1)
        for cost in (1e5, 1e9)
    )
    return Speed(precision=precision, threads=threads, beside=beside, batch_size=batch, points=points)
