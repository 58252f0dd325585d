"""Published training runs: what they took, and what the planner's formulas say they would take."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from scalewright.architectures.decoder import Decoder
from scalewright.architectures.memory import training_memory
from scalewright.architectures.parallel import Layouts
from scalewright.machines.cluster import Cluster
from scalewright.machines.step import Efficiency, StepTime, step_time
from scalewright.planning.on_cluster import FREE_MEMORY
from scalewright.planning.space import layouts

Array = NDArray[np.float64]

TABLE = Path(__file__).with_name("published_runs.toml")
FITTED = "products", "attention", "memory", "links", "production"
"""Of `Efficiency`: the others move the forecasts of these runs too little to be learned from them."""

FIRST = Efficiency(products=0.81, attention=0.48, memory=0.74, links=0.64, production=0.8)
"""First guesses: of nine studies' 30 runs, before the others were looked at."""

_SPREAD = 0.25  # of ln of a constant about its first guess: a weak prior
_SCATTER = 0.1  # of ln seconds about the formulas


@dataclass(frozen=True, eq=False)
class PublishedRun:
    """One run.

    Attributes:
        layout: Where the source says it.
        step_seconds: Measured: of a step, or the hours of all devices over the steps.
        production: Whether its hours are those of a whole training, with all that goes wrong, not of its steps alone.
    """

    name: str
    source: str
    decoder: Decoder
    cluster: Cluster
    precision: str
    sequences: int
    layout: Layouts | None
    fused_attention: bool
    step_seconds: float
    production: bool
    assumed: str
    note: str

    @property
    def study(self) -> str:
        """The first source."""
        return self.source.split(",")[0]

    @property
    def mfu(self) -> float:
        """Model FLOPs per second over the peak."""
        flops = self.decoder.train_flops_per_token * self.sequences * self.decoder.context
        return flops / self.step_seconds / self.cluster.count / self.cluster.device.peak(self.precision)

    def forecast(self, efficiency: Efficiency) -> tuple[float, StepTime]:
        """Seconds of a step by the planner's formulas, and their parts."""
        layout = self.layout or self._planned()
        time = step_time(self.decoder, layout, self.cluster, self.precision, efficiency, self.fused_attention)
        each = time.total / layout.sequences  # sequences may not divide evenly
        best = int(np.argmin(each))
        lost = efficiency.production if self.production else 1.0
        parts = StepTime(**{name: value[best : best + 1] for name, value in vars(time).items()})
        return self.sequences * float(each[best]) / lost, parts

    @cache  # noqa: B019 - runs live as long as the program
    def _planned(self) -> Layouts:
        found = layouts(self.decoder, self.cluster, self.sequences)
        memory = training_memory(self.decoder, found, self.fused_attention).total
        return found.take(memory <= FREE_MEMORY * self.cluster.device.memory_bytes)


def read() -> list[PublishedRun]:
    """The table."""
    return [_run(row) for row in tomllib.loads(TABLE.read_text())["run"]]


def _run(row: dict) -> PublishedRun:
    cluster, decoder, sequences = Cluster.named(row["machine"]), Decoder(**row["shape"]), row["sequences"]
    seconds = row.get("step_seconds") or (
        3600 * row["device_hours"] / cluster.count / (row["tokens"] / (sequences * decoder.context))
    )
    return PublishedRun(
        name=row["name"],
        source=row["source"],
        decoder=decoder,
        cluster=cluster,
        precision=row["precision"],
        sequences=sequences,
        layout=_layout(dict(row["layout"]), cluster.count, sequences) if "layout" in row else None,
        fused_attention=row["fused_attention"],
        step_seconds=seconds,
        production=row.get("whole", False),
        assumed=row.get("assumed", ""),
        note=row.get("note", ""),
    )


def _layout(said: dict, devices: int, sequences: int) -> Layouts:
    micro, data = said.pop("micro_batch"), devices // (said.get("tensor", 1) * said.get("pipeline", 1))
    return Layouts.one(data=data, micro_batch=micro, accumulation=max(1, round(sequences / data / micro)), **said)


def fitted(runs: Sequence[PublishedRun], first: Efficiency) -> Efficiency:
    """The constants that forecast these runs best: least absolute error of ln seconds, near the first guess."""

    def at(theta: Array) -> Efficiency:
        values = {name: getattr(first, name) * float(np.exp(t)) for name, t in zip(FITTED, theta, strict=True)}
        return first._replace(**values)

    def objective(theta: Array) -> float:
        efficiency = at(theta)
        errors = [abs(np.log(run.forecast(efficiency)[0] / run.step_seconds)) for run in runs]
        return float(np.sum(errors) / _SCATTER + 0.5 * np.sum((theta / _SPREAD) ** 2))

    found = minimize(
        objective, np.zeros(len(FITTED)), method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-3, "maxiter": 600}
    )
    return at(found.x)


def published_lines() -> Iterator[str]:
    """Each run forecast with constants fitted to the others, and to the other studies."""
    runs, first = read(), FIRST
    yield "| run | machine | MFU | measured s/step | forecast without it | error | without its study | remark |"
    yield "|" + " --- |" * 8
    errors: list[tuple[float, float]] = []
    for run in runs:
        others = [other for other in runs if other is not run]
        strangers = [other for other in runs if other.study != run.study]
        alone, apart = (run.forecast(fitted(known, first))[0] / run.step_seconds - 1 for known in (others, strangers))
        errors.append((alone, apart))
        remark = "; ".join(filter(None, (run.note, run.assumed and f"assumed: {run.assumed}")))
        yield (
            f"| {run.name} | {run.cluster} | {run.mfu:.0%} | {run.step_seconds:.3g} | {(1 + alone) * run.step_seconds:.3g} "
            f"| {alone:+.0%} | {apart:+.0%} | {remark} |"
        )
    for how, column in (("one run", 0), ("one study", 1)):
        values = np.array(errors)[:, column]
        yield (
            f"{len(runs)} runs, leave {how} out: median absolute error {np.median(np.abs(values)):.0%} (bar: 15 % of runs), "
            f"{np.sum(np.abs(values) > 0.35)} above 35 %; standard deviation of ln seconds {np.std(np.log1p(values)):.2f}"
        )
    best = fitted(runs, first)
    yield f"constants from all of them: {', '.join(f'{name} {getattr(best, name):.3f}' for name in FITTED)}"
