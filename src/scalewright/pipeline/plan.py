"""From law, speed and budget to the plan, with the reason for each number."""

import math
from dataclasses import dataclass

from scalewright.architectures import LlamaShape
from scalewright.data import Dataset, DatasetManifest
from scalewright.documents import Reason
from scalewright.laws import Law
from scalewright.machines import Machine
from scalewright.machines.speed import Speed
from scalewright.pipeline.final_way import FinalWay
from scalewright.pipeline.order import training_precision
from scalewright.planning import (
    Budget,
    Candidate,
    Interval,
    Ladder,
    Plan,
    Prices,
    Recipe,
    candidates,
    choose,
    memory_bytes,
)
from scalewright.planning.ideal import BITS, ideal
from scalewright.tasks import Task

LEVEL = 0.9
MARGIN = 0.93
"""Share of a time budget that is planned for: the rest is for a machine that slows down."""
DRIFT = 0.15
"""Assumed relative half-width of a machine's drift between the timing and the run."""


@dataclass(frozen=True)
class Grounds:
    """What a final run is chosen from.

    Attributes:
        speed: Of this machine, as timed.
        drift: How fast the ladder ran over its own timing.
        seconds, flops: What the budget gives it, one of the two.
    """

    task: Task
    law: Law
    machine: Machine
    dataset: Dataset
    ladder: Ladder
    speed: Speed
    drift: float
    seconds: float | None
    flops: float | None

    @property
    def grain(self) -> int:
        """Of the widths that are planned."""
        return self.machine.grain(self.speed.precision)

    def speed_of(self, way: FinalWay) -> Speed:
        """What is expected of the machine."""
        return self.speed.drifted(self.drift / way.share)

    def needed_bytes(self, shape: LlamaShape, way: FinalWay) -> int:
        """Of memory."""
        rows = self.ladder.batch_size // way.way.accumulation
        return memory_bytes(shape, rows, self.speed.precision, way.way.compiled)

    def front(self, way: FinalWay) -> list[Candidate]:
        """Every size that the budget buys."""
        seconds = self.seconds and MARGIN * self.seconds
        return candidates(
            self.law,
            self.task.family(self.dataset.manifest.vocabulary, self.ladder.context, self.grain),
            Budget(seconds, self.flops, 0.8 * self.machine.memory_bytes, way.startup_seconds),
            self.speed_of(way).tokens_per_second,
            self.ladder.batch_size,
            self.dataset.manifest.supply,
            lambda shape: self.needed_bytes(shape, way),
        )


def make_plan(
    on: Grounds, recipe: Recipe, way: FinalWay, *, hard_stop: float, seed: int, largest_rung_flops: float
) -> Plan:
    """The plan of the final run."""
    task, law, machine, dataset, ladder = on.task, on.law, on.machine, on.dataset, on.ladder
    seconds, flops, speed = on.seconds, on.flops, on.speed_of(way)
    front = on.front(way)
    choice, runner_up = choose(front)
    unique = dataset.manifest.supply.worth(choice.tokens)
    prediction = law.predict(choice.params, choice.tokens, unique_tokens=min(unique, choice.tokens), level=LEVEL)
    tokens_per_second = speed.tokens_per_second(choice.shape.train_flops_per_token)
    rate = machine.rate(speed.precision)
    textbook = ideal(choice.flops / machine.rate("fp32"), speed.precision, 1, choice.params)
    slack = math.hypot(DRIFT, speed.spread() / 2)
    epochs = choice.tokens / unique
    binding = f"{MARGIN:.0%} of {seconds:.0f} s of training" if seconds is not None else f"{flops:.2e} FLOPs"
    needed = on.needed_bytes(choice.shape, way)
    return Plan(
        task=task.name,
        data_hash=dataset.hash,
        law_hash=law.hash,
        choice=choice,
        front=tuple(front),
        runner_up=runner_up,
        recipe=recipe,
        way=way.way,
        seed=seed,
        unique_tokens=unique,
        memory_bytes=needed,
        tokens_per_second=tokens_per_second,
        mfu=tokens_per_second * choice.shape.train_flops_per_token / rate,
        limit_seconds=None if seconds is None else hard_stop * seconds,
        ideal=textbook,
        efficiency=textbook.seconds / choice.seconds,
        forecast=Interval(
            value=prediction.loss, low=prediction.low, high=prediction.high, level=LEVEL, unit=task.loss_unit
        ),
        extrapolation=prediction.extrapolation,
        forecast_seconds=Interval(
            value=choice.seconds,
            low=choice.seconds * (1 - slack),
            high=choice.seconds * (1 + slack),
            level=LEVEL,
            unit="seconds",
        ),
        compute_ratio=choice.flops / largest_rung_flops,
        reasons={
            "params": Reason(
                origin="fitted",
                text=f"{choice.params:,}: of {len(front)} sizes within {binding} the law gives it the lowest loss, "
                f"{choice.loss:.4f}; next comes {runner_up.params:,} with {runner_up.loss:.4f}",
            ),
            "shape": Reason(
                origin="derived",
                text=f"width {choice.shape.width}, {choice.shape.depth} layers, {choice.shape.heads} heads: the family's dial"
                + (f"; products are fastest in multiples of {on.grain}" if on.grain > 1 else ""),
            ),
            "tokens": Reason(
                origin="derived",
                text=f"{choice.tokens:,} = {choice.steps:,} steps of {ladder.tokens_per_step:,}: what {binding} buys here",
            ),
            "epochs": Reason(
                origin="derived",
                text=_passes(dataset.manifest, choice.tokens, epochs, unique)
                + (
                    ": the text is shorter than the planned tokens and is repeated; the law counts repeats as worth less "
                    f"(R* = {law.parameters['R_star']:.3g} passes, {law.reasons['R_star']})"
                    if epochs > 1
                    else ": the text suffices"
                ),
            ),
            "tokens_per_second": Reason(
                origin="measured",
                text=f"{tokens_per_second:,.0f}, read between training steps timed at {len(speed.points)} sizes "
                f"on {speed.threads} threads, times {on.drift:.2f}: how fast the ladder ran over its own timing"
                + ("" if way.share == 1 else f"; over {way.share:.2f}: its steps are computed another way"),
            ),
            "way": way.reason,
            "seed": Reason(origin="given", text=f"seed = {seed} in the project file"),
            "unique_tokens": _unique_reason(dataset.manifest, unique),
            "context": ladder.reasons["context"],
            "precision": training_precision(machine)[1],
            "precision_price": Prices(reference=ladder.precision).of(recipe.precision).reason,
            "memory_bytes": Reason(
                origin="derived",
                text=f"{needed / 2**20:,.0f} MiB: the runtime, weights, gradients, two moments, activations, logits",
            ),
            "mfu": Reason(
                origin="derived",
                text=f"model FLOPs over the probed {rate / 1e9:,.0f} GFLOP/s of {speed.precision} matrix products",
            ),
            "ideal": Reason(
                origin="derived",
                text=f"{textbook.seconds:.0f} s if everything ran at the fp32 rate of matrix products times "
                f"32/{BITS[speed.precision]} on one device",
            ),
            "efficiency": Reason(
                origin="derived", text=f"{textbook.seconds:.0f} s ideally over {choice.seconds:.0f} s planned"
            ),
            "compute_ratio": Reason(
                origin="derived",
                text=f"{choice.flops:.2e} FLOPs of the final run over {largest_rung_flops:.2e} of the largest rung",
            ),
            "extrapolation": Reason(
                origin="derived", text="params x tokens of the final run over the largest such product in the ladder"
            ),
            "forecast": Reason(
                origin="fitted",
                text=f"law {law.hash} ({', '.join(f'{form.name} {form.weight:.2f}' for form in law.forms)}), "
                f"{prediction.extrapolation:.1f}x beyond the ladder in params x tokens",
            ),
            "forecast_seconds": Reason(
                origin="assumed",
                text="measured speed"
                + (f", {way.startup_seconds:.0f} s of compiling" if way.startup_seconds else "")
                + f"; ±{slack:.0%} for the spread of its steps and the drift of the machine until the run",
            ),
            "hard_stop": Reason(
                origin="given",
                text="none: the budget is not a time" if seconds is None else f"{hard_stop:g} times the budget",
            ),
        },
    )


def _passes(manifest: DatasetManifest, tokens: int, epochs: float, unique: int) -> str:
    if not manifest.mixture:
        return f"{epochs:.2f} passes over {unique:,} training tokens"
    of_each = ", ".join(
        f"{source.name} {passes:.2f} passes over {source.splits['train'].tokens:,}"
        for source, passes in zip(manifest.mixture, manifest.supply.passes(tokens), strict=True)
    )
    return f"{of_each}; together as {epochs:.2f} passes over {unique:,} training tokens"


def _unique_reason(manifest: DatasetManifest, unique: int) -> Reason:
    if not manifest.mixture:
        return Reason(origin="measured", text=f"{unique:,} tokens in the training split")
    return Reason(
        origin="derived",
        text=f"{unique:,}: the single text that is worth what the sources are, each repeated as its weight asks, by "
        "D_eff = sum of u + u R* (1 - exp(-R/R*)) over them (Muennighoff et al. 2023, arXiv:2305.16264); as many as they "
        "have in these shares where none is repeated",
    )
