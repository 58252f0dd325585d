"""The loop: a trunk at full heat, and from it a decayed branch for each horizon."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from scalewright.data.ahead import Ahead
from scalewright.documents import Document
from scalewright.errors import InputError, TerminatedError, WorkError
from scalewright.models.parametrisation import initialise, parameter_groups
from scalewright.planning.machine_plan import Layout
from scalewright.tasks import Batch, Prepared, Scores, Trainable, score
from scalewright.training.checkpoint import Checkpoints, Facts, Saved, Tensors
from scalewright.training.clipping import clip, mesh_of
from scalewright.training.configuration import Measured, Trunk
from scalewright.training.ending import asked_to_end
from scalewright.training.memory import keep_memory, peak_memory_bytes, reset_peak_memory
from scalewright.training.mesh import Mesh
from scalewright.training.placement import place
from scalewright.training.progress import NoProgress, Progress
from scalewright.training.schedule import Schedule
from scalewright.training.stopping import EarlyStopping, NeverStopping

CURVE_POINTS = 60
_STATE = 3
"""Version of what a checkpoint holds."""
_STEPS, _ROWS = 2**40, 2**32
"""More than any run takes: seeds of two runs, or of two rows, never meet."""
_WEIGHTS, _MOMENTS, _BEST = "weights.", "moments.", "best."
"""What names of tensors in a checkpoint begin with."""
_SCALARS = ("step",)
"""Of an optimiser's state, what is one number for each weight matrix."""


GOING_BACK = 3
"""Times that a run goes back to the same checkpoint before it is given up."""


class DivergedError(WorkError):
    """The loss of a step is no number."""

    def __init__(self, message: str, loss: float, step: int, place: int) -> None:
        super().__init__(message)
        self.loss, self.step, self.place = loss, step, place


class Result(Document):
    """`result-HORIZON.json` in a trunk's folder: a finished branch."""

    KIND = "training result"

    measured: Measured


class Trainer:
    """A model on its way: weights, optimiser, step, the curve so far and the seconds spent.

    In a training of several processes each of them holds one, and all of them call its methods together.

    Args:
        trunk: What to train.
        task: How to build, feed, score.
        dataset: Prepared data whose hash the trunk names.
        device: Torch device type.
        layout: How the training lies on its processes; by default it has one.

    Raises:
        InputError: the layout does not suit the model, the batch or the processes that were started.
    """

    def __init__(
        self, trunk: Trunk, task: Trainable, dataset: Prepared, device: str, layout: Layout | None = None
    ) -> None:
        keep_memory()
        self.trunk, self.task, self.dataset, self.device = trunk, task, dataset, device
        layout = layout or Layout.alone()
        self.mesh = Mesh.of(layout, device)
        recipe = trunk.recipe
        if recipe.precision == "fp16" and layout.devices > layout.data:
            raise InputError("fp16: its scale is kept by whole replicas alone: train in bf16, or lay it out over data")
        model = task.build(trunk.shape)
        roles = task.roles(model, recipe)
        initialise(model, roles, trunk.seed)
        model.to(device)
        self._rows = self.mesh.rows(recipe.batch_size)
        self.placement = place(
            model,
            task,
            self.mesh,
            layout,
            recipe.precision,
            trunk.compiled,
            rows=self._rows.stop - self._rows.start,
        )
        self._parameters = {name: value for part in self.placement.parts for name, value in part.named_parameters()}
        self.optimiser = torch.optim.AdamW(
            parameter_groups(self._parameters.items(), roles, recipe, apart=mesh_of),
            betas=(recipe.beta1, recipe.beta2),
            eps=recipe.epsilon,
            fused=True,
        )
        # Gradients of fp16 are scaled up, or small ones would be zero (Micikevicius et al. 2018, arXiv:1710.03740).
        self.scaler = torch.amp.GradScaler(device, enabled=recipe.precision == "fp16")
        self.stopping = NeverStopping() if recipe.patience is None else EarlyStopping(recipe.patience)
        self.batch: Ahead[Batch] = Ahead(
            task.batches(dataset, trunk.shape, recipe.batch_size, trunk.seed, trunk.unique_tokens)
        )
        self.step = 0
        self.seconds = 0.0
        self.skipped: list[int] = []
        self.curve: list[tuple[int, float]] = []
        self._window: list[float] = []
        self._peak_memory = 0

    @property
    def weights(self) -> Tensors:
        """What this process holds of the model, by its names there: parameters, and buffers that are kept."""
        return {name: value for part in self.placement.parts for name, value in part.state_dict().items()}

    def advance(self, schedule: Schedule) -> float:
        """Takes one step; returns its loss.

        Raises:
            DivergedError: the loss is not a finite number.
            WorkError: not even a row at a time fits into memory.
        """
        recipe = self.trunk.recipe
        began = time.perf_counter()
        factor = schedule.factor(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        # What dropout leaves out is a function of the step and the rows: resuming needs no state of generators.
        seed = self.trunk.seed * _STEPS + self._rows.start * _ROWS + self.step
        torch.manual_seed(seed % 2**63)
        place = self._place()
        batch = tuple(part[self._rows].to(self.device) for part in self.batch(place))
        loss = self.mesh.mean(self._backward(batch))
        self.scaler.unscale_(self.optimiser)
        clip(self._parameters.values(), recipe.clip, self.mesh)
        # A step whose gradients are not finite, in fp16, is left out and the scale halved.
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.optimiser.zero_grad(set_to_none=True)
        value = loss.item()
        self.seconds += time.perf_counter() - began
        if not math.isfinite(value):
            raise DivergedError(
                f"the loss is {value} at step {self.step} (width {self.trunk.shape.width}, "
                f"learning rate {recipe.learning_rate:g}): train with a lower learning rate",
                loss=value,
                step=self.step,
                place=place,
            )
        self.step += 1
        self._record(value)
        return value

    def score(self, split: str) -> Scores:
        """What the model reaches on a held-out split."""
        parts = self.placement.parts
        training = parts[0].training
        for part in parts:
            part.eval()
        try:
            return score(self.task, self.placement.forward, self.trunk.shape, self.dataset, split, self.device)
        finally:
            for part in parts:
                part.train(training)

    def tensors(self) -> Tensors:
        """Weights, moments and the best weights so far, as this process holds them."""
        moments = {
            f"{_MOMENTS}{name}.{key}": value
            for name, parameter in self._parameters.items()
            for key, value in self.optimiser.state[parameter].items()
        }
        best = {f"{_BEST}{name}": value for name, value in self.stopping.weights.items()}
        return {f"{_WEIGHTS}{name}": value for name, value in self.weights.items()} | moments | best

    def facts(self) -> Facts:
        """What else the rest of the run depends on."""
        return {
            "version": _STATE,
            "scaler": self.scaler.state_dict(),
            "stopping": self.stopping.state(),
            "step": self.step,
            "seconds": self.seconds,
            "skipped": list(self.skipped),
            "pieces": self.placement.pieces,
            "curve": [list(point) for point in self.curve],
            "window": list(self._window),
            "peak_memory": max(self._peak_memory, peak_memory_bytes()),
        }

    def restore(self, saved: Saved) -> None:
        """Goes back, or on, to a checkpoint of any layout.

        Raises:
            WorkError: another version of the program saved it.
        """
        facts = saved.facts
        if facts.get("version") != _STATE:
            raise WorkError(
                f"run {self.trunk.address}: another version of scalewright saved its checkpoint: go on with that version, or "
                "delete the run's folder to train it from its start"
            )
        weights = self.weights
        into = {f"{_WEIGHTS}{name}": value for name, value in weights.items()}
        moments: dict[str, dict[str, Tensor]] = {}
        for name in saved.names:
            if name.startswith(_MOMENTS):
                parameter, _, key = name.removeprefix(_MOMENTS).rpartition(".")
                if parameter in self._parameters:
                    like = self._parameters[parameter]
                    # Moments are spread as their weights are; counts of steps are whole everywhere.
                    into[name] = torch.zeros(()) if key in _SCALARS else torch.zeros_like(like)
                    moments.setdefault(parameter, {})[key] = into[name]
            elif name.startswith(_BEST) and (parameter := name.removeprefix(_BEST)) in weights:
                into[name] = torch.zeros_like(weights[parameter])
        with torch.no_grad():
            saved.read(into)
        self.optimiser.state.clear()
        for parameter, state in moments.items():
            self.optimiser.state[self._parameters[parameter]] = state
        self.scaler.load_state_dict(facts["scaler"])
        self.stopping.go_on(
            facts["stopping"],
            {name.removeprefix(_BEST): value for name, value in into.items() if name.startswith(_BEST)},
        )
        self.step, self.seconds, self.skipped = facts["step"], facts["seconds"], list(facts["skipped"])
        self.placement.pieces = (
            max(self.placement.pieces, facts["pieces"]) if self.mesh.axes is None else self.placement.pieces
        )
        self.curve = [(int(tokens), float(loss)) for tokens, loss in facts["curve"]]
        self._window = list(facts["window"])
        self._peak_memory = facts["peak_memory"]

    def measured(self, horizon: int, scores: Scores) -> Measured:
        """The record of a finished branch."""
        tokens = self.step * self.trunk.tokens_per_step
        return Measured(
            address=self.trunk.run_address(horizon),
            horizon=horizon,
            tokens=tokens,
            loss=scores.loss,
            metrics=dict(scores.metrics),
            best_step=self.stopping.step,
            skipped=tuple(self.skipped),
            curve=tuple(self.curve),
            flops=float(tokens * self.trunk.shape.train_flops_per_token),
            seconds=self.seconds,
            tokens_per_second=tokens / self.seconds,
            peak_memory_bytes=max(self._peak_memory, peak_memory_bytes()),
        )

    def _place(self) -> int:
        """Of the next step's batch in the order of the data: some are left out."""
        place = self.step
        for skipped in sorted(self.skipped):
            place += skipped <= place
        return place

    def _backward(self, batch: Batch) -> Tensor:
        while True:
            try:
                return self.placement.backward(batch, self.scaler.scale)
            except RuntimeError as error:
                if not _out_of_memory(error):
                    raise
                short = str(error).partition("\n")[0]
                pieces = 2 * self.placement.pieces
                # Several processes cannot agree on it: the others wait in the middle of the step.
                if self.mesh.axes is not None or pieces > len(batch[0]):
                    raise WorkError(
                        f"out of memory at step {self.step} with {self.placement.pieces} micro-batches ({short}): plan for "
                        "less memory, or for more devices"
                    ) from error
            # The same gradients, in smaller parts.
            self.placement.pieces = pieces
            self.optimiser.zero_grad(set_to_none=True)
            if self.device == "cuda":
                torch.cuda.empty_cache()

    def _record(self, loss: float) -> None:
        self._window.append(loss)
        if self.step % max(1, self.trunk.horizons[-1] // CURVE_POINTS) == 0:
            self.curve.append((self.step * self.trunk.tokens_per_step, sum(self._window) / len(self._window)))
            self._window = []


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def train(
    trunk: Trunk,
    task: Trainable,
    dataset: Prepared,
    folder: Path,
    *,
    device: str = "cpu",
    layout: Layout | None = None,
    checkpoint_seconds: float = 20.0,
    limit_seconds: float = float("inf"),
    progress: Progress | None = None,
) -> Iterator[Measured]:
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
        checkpoint_seconds: at most about this much work is lost to a kill.
        limit_seconds: a hard stop on the seconds of training; called again after it, training goes on to its end.
        progress: hears of each step.

    Raises:
        InputError: the layout does not suit the model, the batch or the processes that were started.
        WorkError: the loss is not finite time and again, the time limit is passed, or a checkpoint is of another version.
        TerminatedError: the process was asked to end; a checkpoint was written.
    """
    torch.set_num_threads(trunk.threads)
    reset_peak_memory()
    watcher = progress or NoProgress()
    finished = {horizon: folder / f"result-{horizon}.json" for horizon in trunk.horizons}
    course: _Course | None = None
    with asked_to_end() as ending:
        for horizon in trunk.horizons:
            if finished[horizon].exists():
                yield Result.load(finished[horizon]).measured
                continue
            course = course or _Course(
                lambda: Trainer(trunk, task, dataset, device, layout), folder, checkpoint_seconds, watcher, ending
            )
            measured = course.run(horizon, limit_seconds)
            course.finish(horizon, Result(measured=measured), finished[horizon])
            yield measured


class _Course:
    """One trainer through the branches of its trunk: when it saves, goes back and ends."""

    def __init__(
        self,
        begin: Callable[[], Trainer],
        folder: Path,
        checkpoint_seconds: float,
        watcher: Progress,
        ending: Callable[[], bool],
    ) -> None:
        self._begin, self._folder, self._watcher, self._ending = begin, folder, watcher, ending
        self._checkpoint_seconds = checkpoint_seconds
        self.trainer = begin()
        self._trunk = Checkpoints(folder / "trunk", self.trainer.mesh)
        self._branch = self._trunk
        self._saved_at = time.monotonic()

    def run(self, horizon: int, limit_seconds: float) -> Measured:
        """Trains, or goes on training, the branch of a horizon."""
        trunk = self.trainer.trunk
        schedule = trunk.schedule(horizon)
        self._branch = Checkpoints(self._folder / f"branch-{horizon}", self.trainer.mesh)
        if saved := self._newest():
            self.trainer.restore(saved)
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
                speed = trainer.step * trunk.tokens_per_step / trainer.seconds
                self._watcher.step(trainer.step, horizon, loss, speed)
                if trunk.recipe.evaluate_every and trainer.step % trunk.recipe.evaluate_every == 0:
                    trainer.stopping.hear(trainer.step, trainer.score("validation").loss, trainer.weights)
                late, ending, due = trainer.mesh.any(
                    trainer.seconds > limit_seconds and trainer.step < horizon and not stopped.exists(),
                    self._ending(),
                    time.monotonic() - self._saved_at > self._checkpoint_seconds,
                )
                if late or ending or due:
                    self._save(self._branch if trainer.step > schedule.branch else self._trunk)
                if late:
                    self._wait()
                    if trainer.mesh.first:
                        stopped.touch()
                    raise WorkError(
                        f"stopped at step {trainer.step} of {horizon} after {trainer.seconds:.0f} s of training, the hard stop "
                        f"of {limit_seconds:.0f} s: this machine is slower than planned; the same command goes on beyond it, "
                        "another budget plans anew"
                    )
                if ending:
                    self._wait()
                    raise TerminatedError(
                        f"asked to end at step {trainer.step} of {horizon}: a checkpoint is written, the same command goes on"
                    )
        finally:
            self._wait()
        self.trainer.stopping.restore(self.trainer.weights)
        return self.trainer.measured(horizon, self.trainer.score("validation"))

    def finish(self, horizon: int, result: Result, path: Path) -> None:
        """Keeps what a branch came to.

        Raises:
            WorkError: it could not be written; the checkpoints before the branch's end are still there.
        """
        trainer = self.trainer
        last = horizon == trainer.trunk.horizons[-1]
        if last:
            weights = Checkpoints(self._folder / "weights", trainer.mesh, kept=1)
            weights.save(trainer.step, trainer.weights, {"horizon": horizon})
            weights.wait()
        # The result first: killed after it, nothing is left to do; killed before it, the checkpoints are still there.
        if trainer.mesh.first:
            try:
                result.save(path)
            except OSError as error:
                raise WorkError(f"{path}: could not be written ({error}): free some space and start again") from error
        trainer.mesh.any()
        self._branch.remove()
        if last:
            self._trunk.remove()

    def _newest(self) -> Saved | None:
        return self._branch.newest(self._watcher.warn) or self._trunk.newest(self._watcher.warn)

    def _save(self, where: Checkpoints) -> None:
        # A full disk is no reason to end: the checkpoints before are there, and the next one may find room.
        try:
            where.save(self.trainer.step, self.trainer.tensors(), self.trainer.facts())
        except WorkError as error:
            self._watcher.warn(str(error))
        self._saved_at = time.monotonic()

    def _wait(self) -> None:
        for where in (self._trunk, self._branch):
            try:
                where.wait()
            except WorkError as error:
                self._watcher.warn(str(error))

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
        self._watcher.warn(
            f"the loss is {error.loss} at step {error.step}: going back to step {start} without its data"
        )
        skipped = [*self.trainer.skipped, error.place]
        seconds = self.trainer.seconds
        if saved:
            self.trainer.restore(saved)
        else:
            self.trainer = self._begin()
        self.trainer.skipped, self.trainer.seconds = skipped, seconds
