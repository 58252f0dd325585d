"""The loop: a trunk at full heat, and from it a decayed branch for each horizon."""

import time
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path

import torch

from scalewright.documents import Document
from scalewright.errors import TerminatedError, WorkError
from scalewright.machines.host import BUSY, CpuTime
from scalewright.planning.machine_plan import Layout
from scalewright.tasks import Prepared, Trainable
from scalewright.training.checkpoint import Checkpoints, Saved
from scalewright.training.configuration import Measured, Trunk
from scalewright.training.ending import asked_to_end
from scalewright.training.memory import reset_peak_memory
from scalewright.training.progress import NoProgress, Progress
from scalewright.training.trainer import DivergedError, Trainer

TRUNK = "trunk"
"""Folder of the checkpoints of a run before it decays, in the run's own."""
CHECKPOINT_SECONDS, CHECKPOINT_SHARE = 20.0, 0.02
"""Between checkpoints, and of the training's time that they may hold it up: large ones are written more seldom."""
GOING_BACK = 3
"""Times that a run goes back to the same checkpoint before it is given up."""


class Result(Document):
    """`result-HORIZON.json` in a trunk's folder: a finished branch."""

    KIND = "training result"

    measured: Measured


def train(
    trunk: Trunk,
    task: Trainable,
    dataset: Prepared,
    folder: Path,
    *,
    device: str = "cpu",
    layout: Layout | None = None,
    checkpoint_seconds: float | None = None,
    limit_seconds: float = float("inf"),
    progress: Progress | None = None,
    test: bool = False,
) -> Generator[Measured, None, None]:
    """Trains a trunk and its branches in `folder`, yielding each branch as it is finished.

    Killed and called again, it goes on from its last checkpoint, in this layout or another; branches that are finished are
    read, not run. The weights of the longest branch stay in `folder/weights`.

    Args:
        trunk: what to train.
        task: how to build, feed, score.
        dataset: prepared data whose hash the trunk names.
        folder: this trunk's own folder, the same for all processes.
        device: torch device type.
        layout: how the training lies on its processes; by default it has one.
        checkpoint_seconds: at most about this much work is lost to a kill; by default `CHECKPOINT_SECONDS`, or as much more as
            keeps what checkpoints hold up within `CHECKPOINT_SHARE`.
        limit_seconds: a hard stop on the seconds of training; called again after it, training goes on to its end.
        progress: hears of each step.
        test: whether the longest branch is evaluated on the test split too, by all processes.

    Raises:
        InputError: the layout does not suit the model, the batch or the processes that were started.
        WorkError: the loss is not finite time and again, the time limit is passed, or a checkpoint is of another version.
        TerminatedError: the process was asked to end; a checkpoint was written.
    """
    torch.set_num_threads((layout and layout.threads) or trunk.threads)
    reset_peak_memory()
    watcher = progress or NoProgress()
    finished = {horizon: folder / f"result-{horizon}.json" for horizon in trunk.horizons}
    course: _Course | None = None
    with asked_to_end() as ending:
        for horizon in trunk.horizons:
            measured = Result.load(finished[horizon]).measured if finished[horizon].exists() else None
            last = horizon == trunk.horizons[-1]
            untested = test and last and (measured is None or measured.test_loss is None)
            if measured is None or untested:
                course = course or _Course(
                    lambda: Trainer(trunk, task, dataset, device, layout), folder, checkpoint_seconds, watcher, ending
                )
                if measured is None:
                    measured = course.run(horizon, limit_seconds)
                    if last:
                        course.keep_weights()
                else:
                    course.take_weights()
                if untested:
                    measured = measured.tested(course.trainer.score("test"))
                course.finish(measured, finished[horizon])
            yield measured


class _Course:
    """One trainer through the branches of its trunk: when it saves, goes back and ends."""

    def __init__(
        self,
        begin: Callable[[], Trainer],
        folder: Path,
        checkpoint_seconds: float | None,
        watcher: Progress,
        ending: Callable[[], bool],
    ) -> None:
        self._begin, self._folder, self._watcher, self._ending = begin, folder, watcher, ending
        self._checkpoint_seconds = checkpoint_seconds
        self._held_up = 0.0
        self._began = CpuTime.now()
        self.trainer = begin()
        self._trunk = Checkpoints(folder / TRUNK, self.trainer.mesh)
        self._branch = self._trunk
        self._weights = Checkpoints(folder / "weights", self.trainer.mesh, kept=1)
        self._saved_at = time.monotonic()

    def run(self, horizon: int, limit_seconds: float) -> Measured:
        """Trains, or goes on training, the branch of a horizon."""
        trunk = self.trainer.trunk
        schedule = trunk.schedule(horizon)
        self._branch = Checkpoints(self._folder / f"branch-{horizon}", self.trainer.mesh)
        if saved := self._newest():
            self.trainer.restore(saved)
            self._watcher.say(f"going on from step {self.trainer.step:,} of {horizon:,}")
        self._saved_at = time.monotonic()
        stopped = self._folder / "stopped"
        failures: Counter[int] = Counter()
        try:
            while self.trainer.step < horizon and not self.trainer.stopping.over:
                trainer = self.trainer
                if trainer.step == schedule.branch and horizon != trunk.horizons[-1]:
                    self._save(self._trunk)
                try:
                    loss = trainer.advance(schedule)
                except DivergedError as error:
                    self._go_back(error, failures)
                    continue
                speed = trunk.tokens_after(trainer.step) / trainer.seconds
                self._watcher.step(trainer.step, horizon, loss, speed)
                if trunk.recipe.evaluate_every and trainer.step % trunk.recipe.evaluate_every == 0:
                    with trainer.averaging.applied(trainer.weights):
                        trainer.stopping.hear(trainer.step, trainer.score("validation").loss, trainer.weights)
                late, ending, due = trainer.mesh.any(
                    trainer.seconds > limit_seconds and trainer.step < horizon and not stopped.exists(),
                    self._ending(),
                    time.monotonic() - self._saved_at > self._interval,
                )
                if late or ending or due:
                    self._save(self._branch if trainer.step > schedule.branch else self._trunk)
                if late:
                    self._wait()
                    if trainer.mesh.first:
                        stopped.touch()
                    raise WorkError(
                        f"stopped at step {trainer.step} of {horizon} after {trainer.seconds:.0f} s of training, the hard stop "
                        f"of {limit_seconds:.0f} s: {self._slow()}; the same command goes on beyond it, another budget plans "
                        "anew"
                    )
                if ending:
                    written = "a checkpoint is written" if self._wait() else "its checkpoint could not be written"
                    raise TerminatedError(
                        f"asked to end at step {trainer.step} of {horizon}: {written}; the same command goes on from the last"
                    )
        finally:
            self._wait()
        self.trainer.averaging.restore(self.trainer.weights)
        self.trainer.stopping.restore(self.trainer.weights)
        return self.trainer.measured(horizon, self.trainer.score("validation"))

    def keep_weights(self) -> None:
        """Writes those of the longest branch.

        Raises:
            WorkError: they could not be written; the checkpoints before the branch's end are still there.
        """
        trainer = self.trainer
        self._weights.save(trainer.step, trainer.weights, {"horizon": trainer.trunk.horizons[-1]})
        self._weights.wait()

    def take_weights(self) -> None:
        """Reads what `keep_weights` wrote.

        Raises:
            WorkError: they are gone.
        """
        saved = self._weights.newest(self._watcher.warn)
        if saved is None:
            raise WorkError(f"{self._folder}: the trained weights are gone; delete this folder to train this run again")
        with torch.no_grad():
            saved.read(self.trainer.weights)

    def finish(self, measured: Measured, path: Path) -> None:
        """Keeps what a branch came to, and its checkpoints no more.

        Raises:
            WorkError: it could not be written; the checkpoints before the branch's end are still there.
        """
        trainer = self.trainer
        # The result first: killed after it, nothing is left to do; killed before it, the checkpoints are still there.
        if trainer.mesh.first:
            try:
                Result(measured=measured).save(path)
            except OSError as error:
                raise WorkError(f"{path}: could not be written ({error}): free some space and start again") from error
        trainer.mesh.any()
        self._branch.remove()
        if measured.horizon == trainer.trunk.horizons[-1]:
            self._trunk.remove()

    def _newest(self) -> Saved | None:
        self._wait()
        return self._branch.newest(self._watcher.warn) or self._trunk.newest(self._watcher.warn)

    @property
    def _interval(self) -> float:
        if self._checkpoint_seconds is not None:
            return self._checkpoint_seconds
        return max(CHECKPOINT_SECONDS, self._held_up / CHECKPOINT_SHARE)

    def _save(self, where: Checkpoints) -> None:
        begun = time.monotonic()
        # The processes' writers work at one checkpoint at a time, in the same order everywhere.
        self._wait()
        # A full disk is no reason to end: the checkpoints before are there, and the next one may find room.
        try:
            where.save(self.trainer.step, self.trainer.tensors(), self.trainer.facts())
        except WorkError as error:
            self._watcher.warn(str(error))
        self._saved_at = time.monotonic()
        self._held_up = self._saved_at - begun

    def _slow(self) -> str:
        taken = None if self.trainer.mesh.axes else CpuTime.now().taken_by_others_since(self._began)
        others = f" (other programs took {taken:.0%} of it meanwhile)" if taken and taken > BUSY else ""
        return f"this machine is slower than planned{others}"

    def _wait(self) -> bool:
        """Until what was saved is on disk; whether it is."""
        written = True
        for where in (self._trunk, self._branch):
            try:
                where.wait()
            except WorkError as error:
                written = False
                self._watcher.warn(str(error))
        return written

    def _go_back(self, error: DivergedError, failures: Counter[int]) -> None:
        """To the checkpoint before, leaving out the data that the loss was no number on.

        Raises:
            DivergedError: that did not help.
        """
        saved = self._newest()
        start = saved.facts["step"] if saved else 0
        failures[start] += 1
        if failures[start] > GOING_BACK:
            raise error
        self._watcher.warn(f"{error.what}: going back to step {start} without its data")
        skipped = [*self.trainer.skipped, error.batch]
        seconds = self.trainer.seconds
        if saved:
            self.trainer.restore(saved)
        else:
            self.trainer = self._begin()
        self.trainer.skipped, self.trainer.seconds = skipped, seconds
