"""A plan for this machine, made from its probe before any step, and the training that follows it to the letter."""

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from scalewright.architectures import LlamaFamily
from scalewright.data import Dataset
from scalewright.machines.machine import Machine
from scalewright.machines.probe import probe
from scalewright.planning.machine_plan import MachinePlan
from scalewright.planning.recipe import Recipe
from scalewright.planning.request import plan as plan_request
from scalewright.tasks import STANDARD_LIBRARY, task_named
from scalewright.training import Trainer, Trunk
from scalewright.training.memory import peak_memory_bytes, reset_peak_memory
from scalewright.training.reference_steps import ReferenceSteps

MINUTES = (1.0, 6.0)
"""Of the trainings: where compiling does not pay, and where it does."""
PROBES = 4
"""At most, until one was not disturbed."""
VOCABULARY = 4096
LEARNING_RATE = 4e-3


def kept_lines() -> Iterator[str]:
    """Time and memory, planned and measured."""
    yield "| asked | params | tokens | precision | kernels | planned s | measured | error | planned MiB | measured | error |"
    yield "|" + " --- |" * 11
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        task_named("language").prepare(
            [STANDARD_LIBRARY],
            folder / "data",
            base=folder,
            tokenizer=f"bpe:{VOCABULARY}",
            seed=0,
            progress=lambda stage, share: None,
        )
        for minutes in MINUTES:
            machine = yield from _undisturbed()
            plan = plan_request(
                "published:chinchilla",
                machine,
                hours=minutes / 60,
                vocabulary=VOCABULARY,
            )
            plan.save(folder / "plan.json")
            # A process of its own: this one holds what preparing took. Its cache of kernels is empty, as the plan takes it.
            answer = subprocess.run(
                [sys.executable, __file__, name], capture_output=True, text=True, check=True, cwd=Path(__file__).parent,
                env=os.environ | {"TORCHINDUCTOR_CACHE_DIR": str(folder / f"kernels-{minutes:g}")},
            )  # fmt: skip
            yield from _scored(minutes, plan, json.loads(answer.stdout))


def _undisturbed() -> Generator[str, None, Machine]:
    """A probe that trusts itself, as a plan asks for; each in a process of its own, for kernels stay compiled in one."""
    for _ in range(PROBES):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
            machine = alone.submit(_probe).result()
        if machine.trusted:
            break
        yield f"probed once more: {'; '.join(machine.warnings)}"
    return machine


def _probe() -> Machine:
    return probe(quick=False, steps=ReferenceSteps)


def _scored(minutes: float, plan: MachinePlan, measured: dict[str, float]) -> Iterator[str]:
    choice = plan.choice
    late, more = measured["seconds"] / choice.seconds - 1, measured["memory"] / choice.memory_bytes - 1
    inside = plan.forecast_seconds.low <= measured["seconds"] <= plan.forecast_seconds.high
    yield (
        f"| {minutes:g} min | {choice.params:,} | {choice.tokens:,.0f} | {choice.precision} "
        f"| {'compiled' if choice.layout.compiled else 'eager'} | {choice.seconds:.1f} | {measured['seconds']:.1f} "
        f"| {late:+.1%} ({'inside' if inside else 'outside'} 90 %) | {choice.memory_bytes / 2**20:,.0f} "
        f"| {measured['memory'] / 2**20:,.0f} | {more:+.1%} |"
    )
    yield (
        f"loss of the last step on the standard library's source: {measured['loss']:.2f} nats; the published law, of other "
        f"text and {1 / plan.extrapolation:.0e} times the compute, says {choice.loss:.2f}"
    )


def _train(folder: Path) -> dict[str, float]:
    choice = MachinePlan.load(folder / "plan.json").choice
    task, dataset = task_named("language"), Dataset.open(folder / "data")
    shape = LlamaFamily(vocabulary=dataset.manifest.vocabulary, context=choice.shape.context).shape(choice.shape.width)
    assert shape.params == choice.params
    recipe = Recipe(
        learning_rate=LEARNING_RATE, base_width=shape.width, base_depth=shape.depth, batch_size=choice.sequences,
        warmup_steps=20, precision=choice.precision,
    )  # fmt: skip
    threads = choice.layout.threads or 1
    trunk = Trunk(
        task=task.name,
        shape=shape,
        recipe=recipe,
        data_hash=dataset.hash,
        seed=0,
        horizons=(choice.steps,),
        threads=threads,
        compiled=choice.layout.compiled,
    )
    torch.set_num_threads(threads)
    reset_peak_memory()
    begun = time.perf_counter()
    trainer, schedule = Trainer(trunk, task, dataset, "cpu"), trunk.schedule(choice.steps)
    for _ in range(choice.steps):
        loss = trainer.advance(schedule)
    return {"seconds": time.perf_counter() - begun, "memory": float(peak_memory_bytes()), "loss": loss}


if __name__ == "__main__":
    print(json.dumps(_train(Path(sys.argv[1]))))
