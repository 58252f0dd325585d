"""Training steps timed on this machine, and what the probe alone says they take."""

import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from scalewright.architectures import LlamaShape
from scalewright.machines.correction import RUN_SPREAD
from scalewright.machines.machine import Machine
from scalewright.machines.probe import probe
from scalewright.machines.processor import ProcessorRates, compile_seconds, drift, processor_step
from scalewright.planning.machine_plan import Layout
from scalewright.planning.recipe import Recipe
from scalewright.training import Schedule, Trainer, Trunk
from scalewright.training.reference_steps import DrawnTokens, ReferenceSteps
from unmeasured import need_precision

# Width, head size, layers, vocabulary, context, batch: none of those that the constants were fitted to.
SHAPES = (
    (64, 16, 6, 2048, 256, 16), (80, 16, 5, 1024, 192, 24), (112, 16, 4, 512, 128, 32), (144, 16, 6, 8192, 128, 12),
    (160, 32, 6, 1024, 384, 6), (160, 16, 4, 2048, 640, 3), (224, 32, 5, 4096, 192, 12), (224, 32, 8, 1024, 128, 24),
    (320, 64, 6, 2048, 256, 6), (320, 32, 8, 16384, 128, 8), (448, 64, 7, 4096, 384, 4), (448, 64, 5, 1024, 192, 16),
    (640, 64, 6, 2048, 128, 12), (768, 64, 8, 8192, 256, 4),
)  # fmt: skip
TIMED = (0, 2, 4, 5, 6, 9, 11, 13)
"""Places of those that are timed, four ways each: compiling takes a minute for each of them."""
SECONDS = 1.5
SQUARE = 1024  # the reference product's edge
AS_PROBED, PATIENCE_SECONDS, PROBES = 0.08, 12.0, 2
"""Steps count that were taken while the reference product was within this of the probe's; seconds that they are waited for; and
probes, until one is undisturbed. A machine that is shared changes its rates by a factor of two within seconds, and not all
alike (docs/log.md, 2026-11-27)."""
JOBS = (60.0, 600.0)
"""Seconds of the trainings that a way is advised for."""
_KNOWN, _DRAWS = 5, 200
_SIGMAS = 1.645


@dataclass(frozen=True)
class _Timed:
    seconds: float  # at the clock of `machine`
    machine: Machine  # as probed beside it
    drift: float  # of a reference product since the probe; 1 where the steps were taken at the probe's clock

    def rates(self, precision: str, compiled: bool) -> ProcessorRates:
        return ProcessorRates.of(self.machine, precision, self.machine.threads, compiled)


def step_lines() -> Iterator[str]:
    """Each configuration: measured, forecast from the probe alone, and with five runs known; and what is advised."""
    need_precision("bf16")
    threads = torch.get_num_threads()
    yield (
        "| width | layers | vocabulary | context | batch | precision | kernels | probed GFLOP/s | drift | measured ms "
        "| forecast ms | error |"
    )
    yield "|" + " --- |" * 12
    errors: dict[bool, list[float]] = {False: [], True: []}
    inside: list[bool] = []
    slower: dict[float, list[float]] = {job: [] for job in JOBS}
    startups: dict[int, float] = {}
    # A quick probe, as is taken beside every case, times no compiling.
    thorough = probe(quick=False, steps=ReferenceSteps)
    compiling = ProcessorRates.of(thorough, "bf16", threads)
    yield f"compiling: {compiling.compiling:.2f} of the formula's seconds"
    with tempfile.TemporaryDirectory() as kernels:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = kernels
        for width, head, depth, vocabulary, context, batch in (SHAPES[place] for place in TIMED):
            shape = LlamaShape(
                vocabulary=vocabulary, context=context, depth=depth, width=width, head_size=head,
                hidden=-(-8 * width // 3 // 16) * 16,
            )  # fmt: skip
            forecast, measured = {}, {}
            first: _Timed | None = None
            if depth not in startups:
                startups[depth] = _startup_in_a_new_process(shape, batch)
            for precision, compiled in itertools.product(("fp32", "bf16"), (False, True)):
                timed = _timed(shape, batch, precision, compiled, threads)
                rates = timed.rates(precision, compiled)
                said = processor_step(shape, batch, precision, rates, compiled).total
                errors[compiled].append(said / timed.seconds - 1)
                spread = math.hypot(RUN_SPREAD, drift(timed.machine))
                inside.append(abs(math.log(timed.seconds / said)) < _SIGMAS * spread)
                # Ways are compared at one clock, the first one's; between clocks, as the forecast says.
                first = first or timed
                there = processor_step(shape, batch, precision, first.rates(precision, compiled), compiled).total
                forecast[precision, compiled] = there, compile_seconds(shape, compiling) if compiled else 0.0
                measured[precision, compiled] = timed.seconds * there / said, startups[depth] if compiled else 0.0
                yield (
                    f"| {width} | {depth} | {vocabulary} | {context} | {batch} | {precision} | "
                    f"{'compiled' if compiled else 'eager'} | {rates.products / 1e9:.0f} | {timed.drift:.2f} "
                    f"| {1000 * timed.seconds:.1f} | {1000 * said:.1f} | {said / timed.seconds - 1:+.1%} |"
                )
            for job in JOBS:
                slower[job].append(_lost(forecast, measured, job / measured["bf16", False][0]))
    every = errors[False] + errors[True]
    for name, values in (("eager", errors[False]), ("compiled", errors[True]), ("all", every)):
        sizes = np.abs(values)
        yield (
            f"{len(values)} configurations, {name}, from the probe alone: median absolute error {np.median(sizes):.1%} (bar: "
            f"8 %), 90th percentile {np.quantile(sizes, 0.9):.1%} (bar: 20 %), largest {sizes.max():.1%}"
        )
    yield f"inside the 90 % interval of formula and drift, as the probe beside each gives it: {sum(inside)} of {len(inside)}"
    yield f"with {_KNOWN} of them known (one factor for all others): median {_corrected(np.log1p(every)):.1%} (bar: 4 %)"
    first_steps = ", ".join(f"{depth} layers {seconds:.1f} s" for depth, seconds in sorted(startups.items()))
    yield f"the first compiled step of a new process in bf16, its cache of kernels empty: {first_steps}"
    for job, values in slower.items():
        yield (
            f"trainings of {job:g} s in bf16, eager: what is advised of precision and kernels takes at most {max(values):.1%} "
            f"longer than the fastest measured, compiling counted, over {len(values)} shapes (bar: 5 %)"
        )


def _lost(forecast: dict, measured: dict, steps: float) -> float:
    # Of the way that the forecasts choose, over the best there is.
    advised = min(forecast, key=lambda way: forecast[way][1] + steps * forecast[way][0])
    total = {way: startup + steps * seconds for way, (seconds, startup) in measured.items()}
    return total[advised] / min(total.values()) - 1


def _corrected(log_errors: np.ndarray) -> float:
    rng, found = np.random.default_rng(0), []
    for _ in range(_DRAWS):
        known = rng.permutation(len(log_errors)) < _KNOWN
        found.append(np.median(np.abs(np.expm1(log_errors[~known] - np.median(log_errors[known])))))
    return float(np.median(found))


def drawn_trainer(
    shape: LlamaShape,
    batch: int,
    precision: str,
    threads: int,
    compiled: bool = False,
    layout: Layout | None = None,
) -> tuple[Trainer, Schedule]:
    """A trainer on tokens drawn at random, model and loss compiled together if asked, and a schedule."""
    torch.set_num_threads(threads)
    trunk = drawn_trunk(shape, batch, precision, threads, compiled)
    if compiled:
        torch.compiler.reset()
    return Trainer(trunk, DrawnTokens(), None, "cpu", layout), trunk.schedule(1000)  # type: ignore[arg-type]


def drawn_trunk(shape: LlamaShape, batch: int, precision: str, threads: int, compiled: bool = False) -> Trunk:
    """A training of that shape."""
    recipe = Recipe(
        learning_rate=1e-3, base_width=shape.width, base_depth=shape.depth, batch_size=batch, warmup_steps=1,
        precision=precision,
    )  # fmt: skip
    return Trunk(
        task="language", shape=shape, recipe=recipe, data_hash="", seed=0, horizons=(1000,), threads=threads, compiled=compiled
    )  # fmt: skip


def _timed(shape: LlamaShape, batch: int, precision: str, compiled: bool, threads: int) -> _Timed:
    trainer, schedule = drawn_trainer(shape, batch, precision, threads, compiled)
    for _ in range(3):
        trainer.advance(schedule)
    machine = next((m for m in (_probe() for _ in range(PROBES)) if m.trusted), None) or _probe()
    probed = _square(machine)
    taken: list[tuple[float, float]] = []
    begun, reference = time.perf_counter(), _reference()
    while True:
        spent = trainer.seconds
        trainer.advance(schedule)
        before, reference = reference, _reference()
        taken.append((trainer.seconds - spent, (before + reference) / 2 / probed))
        alike = [seconds for seconds, drift in taken if abs(drift - 1) < AS_PROBED]
        if len(alike) >= 5 and sum(alike) >= SECONDS:
            return _Timed(float(np.median(alike)), machine, 1.0)
        if len(taken) >= 5 and time.perf_counter() - begun > PATIENCE_SECONDS:
            drift = float(np.median([drift for _, drift in taken]))
            return _Timed(float(np.median([seconds * drift for seconds, drift in taken])), machine, drift)


def _startup_in_a_new_process(shape: LlamaShape, batch: int) -> float:
    with tempfile.TemporaryDirectory() as kernels:
        answer = subprocess.run(
            [sys.executable, __file__, json.dumps([shape.model_dump(), batch])],
            capture_output=True, text=True, check=True, cwd=Path(__file__).parent,
            env=os.environ | {"TORCHINDUCTOR_CACHE_DIR": kernels},
        )  # fmt: skip
    return float(answer.stdout)


def _startup(asked: str) -> float:
    shape, batch = json.loads(asked)
    trainer, schedule = drawn_trainer(
        LlamaShape.model_validate(shape), batch, "bf16", os.cpu_count() or 1, compiled=True
    )
    for _ in range(3):
        trainer.advance(schedule)
    three, begun = trainer.seconds, time.perf_counter()
    trainer.advance(schedule)
    return three - 3 * (time.perf_counter() - begun)


def _probe() -> Machine:
    return probe(quick=True, steps=ReferenceSteps)


def _square(machine: Machine) -> float:
    return next(p.flops_per_second for p in machine.matmul if (p.dtype, p.shape) == ("fp32", (SQUARE,) * 3))


def _reference() -> float:
    # In fp32 for both precisions: bf16 products jump between rates where a unit of its own makes them, steps do not.
    left, right, out = torch.randn(SQUARE, SQUARE), torch.randn(SQUARE, SQUARE), torch.empty(SQUARE, SQUARE)
    seconds = []
    for _ in range(5):
        begun = time.perf_counter()
        torch.mm(left, right, out=out)
        seconds.append(time.perf_counter() - begun)
    return 2 * SQUARE**3 / float(np.median(seconds))


if __name__ == "__main__":
    print(_startup(sys.argv[1]))
