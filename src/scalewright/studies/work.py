"""One job of a study, as a worker does it: a trunk trained, or a shape timed."""

import time
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from scalewright.architectures import LlamaShape
from scalewright.files import locked, write_atomic
from scalewright.machines.speed import MeasuredSpeed
from scalewright.planning import Recipe
from scalewright.studies.executor import report
from scalewright.tasks import trainable_named
from scalewright.training import Measured, Trainer, Trunk, train
from scalewright.training.timed_steps import timed_steps
from scalewright.training.trainer import DivergedError

TICK_SECONDS = 0.5
DIVERGED = "diverged"
"""In the folder of a run that need not be tried again."""


@dataclass(frozen=True)
class TrunkJob:
    """A trunk to train in its own folder."""

    trunk: Trunk
    dataset: Path
    folder: Path
    checkpoint_seconds: float
    device: str = "cpu"
    branches: int | None = None
    """How many of its branches are wanted, the shortest first; None: all. The rest can be gone on with later."""

    @property
    def threads(self) -> int:
        """Threads of its arithmetic."""
        return self.trunk.threads

    @property
    def gpus(self) -> int:
        """Accelerators that it trains on."""
        return 0 if self.device == "cpu" else 1

    @property
    def finished(self) -> bool:
        """Whether all wanted results are there, so that nothing but reading them is left."""
        wanted = self.trunk.horizons[: self.branches]
        return all((self.folder / f"result-{horizon}.json").exists() for horizon in wanted)


@dataclass(frozen=True)
class SpeedJob:
    """A shape to time for about `seconds`."""

    task: str
    shape: LlamaShape
    batch_size: int
    precision: str
    threads: int
    dataset: Path
    seconds: float


class Ticks:
    """Reports a trunk's steps, at most twice a second."""

    def __init__(self, trunk: Trunk) -> None:
        self._address, self._next = trunk.address, 0.0

    def step(self, step: int, total: int, loss: float, tokens_per_second: float) -> None:
        """Reports the step where the last report is old enough."""
        if time.monotonic() >= self._next:
            report((self._address, float(step)))
            self._next = time.monotonic() + TICK_SECONDS

    def say(self, text: str) -> None:
        """Nobody is told."""

    def warn(self, text: str) -> None:
        """Nobody is told: what went wrong is in the run's record."""


def train_job(job: TrunkJob) -> list[Measured]:
    """Trains a trunk with its branches, all or the wanted ones; what is finished already is read."""
    task = trainable_named(job.trunk.task)
    with alone(job.folder):
        branches = train(
            job.trunk,
            task,
            task.open(job.dataset),
            job.folder,
            device=job.device,
            checkpoint_seconds=job.checkpoint_seconds,
            progress=Ticks(job.trunk),
        )
        with closing(branches):
            return list(islice(branches, job.branches))


def train_or_diverge(job: TrunkJob) -> list[Measured]:
    """As `train_job`; a training whose loss is no number is an answer of a search, an empty one, not its failure."""
    mark = job.folder / DIVERGED
    if mark.exists():
        return []
    try:
        return train_job(job)
    except DivergedError as error:
        write_atomic(mark, f"{error}\n")
        return []


def time_job(job: SpeedJob) -> MeasuredSpeed:
    """Times training steps of a shape."""
    torch.set_num_threads(job.threads)
    recipe = Recipe(
        learning_rate=1e-3,
        base_width=job.shape.width,
        base_depth=job.shape.depth,
        batch_size=job.batch_size,
        warmup_steps=1,
        precision=job.precision,
    )
    trunk = Trunk(
        task=job.task,
        shape=job.shape,
        recipe=recipe,
        data_hash="",
        seed=0,
        horizons=(1,),
        threads=job.threads,
    )
    task = trainable_named(job.task)
    trainer = Trainer(trunk, task, task.open(job.dataset), "cpu")
    seconds = timed_steps(trainer, job.seconds, least=5, warm=3)
    low, median, high = np.quantile(seconds, (0.25, 0.5, 0.75))
    return MeasuredSpeed(
        flops_per_token=trunk.shape.train_flops_per_token,
        tokens_per_second=float(trunk.tokens_per_step / median),
        spread=float((high - low) / median),
        steps=len(seconds),
    )


def alone(folder: Path) -> AbstractContextManager[None]:
    """Holds a run's folder, so that it is never trained by two processes at once.

    Raises:
        WorkError: another process holds it.
    """
    return locked(folder, f"{folder}: another process is training this run: wait for it or stop it")
