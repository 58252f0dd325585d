"""The loop: a trunk at full heat, and from it a decayed branch for each horizon."""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from scalewright.data.ahead import Ahead
from scalewright.documents import Document
from scalewright.errors import WorkError
from scalewright.models import compute_in
from scalewright.models.parametrisation import initialise
from scalewright.tasks import Batch, Prepared, Scores, Trainable
from scalewright.training.averaging import Averaging, MovingAverage, NoAveraging
from scalewright.training.batch_warmup import growing
from scalewright.training.checkpoint import load_checkpoint, save_checkpoint
from scalewright.training.configuration import Measured, Trunk
from scalewright.training.memory import keep_memory, peak_memory_bytes, reset_peak_memory
from scalewright.training.optimisers import clip_gradients, optimiser_of
from scalewright.training.progress import NoProgress, Progress
from scalewright.training.schedule import Schedule
from scalewright.training.stopping import EarlyStopping, NeverStopping

CURVE_POINTS = 60
_STATE = 2
"""Version of what a checkpoint holds."""
_STEPS = 2**40
"""More than any run takes: seeds of two runs never meet."""


class Result(Document):
    """`result-HORIZON.json` in a trunk's folder: a finished branch."""

    KIND = "training result"

    measured: Measured


class Trainer:
    """A model on its way: weights, optimiser, step, the curve so far and the seconds spent."""

    def __init__(self, trunk: Trunk, task: Trainable, dataset: Prepared, device: str) -> None:
        keep_memory()
        self.trunk, self.task, self.dataset, self.device = trunk, task, dataset, device
        recipe = trunk.recipe
        self.model = task.build(trunk.shape, recipe.dropout)
        roles = task.roles(self.model, recipe)
        initialise(self.model, roles, trunk.seed)
        self.model.to(device)
        self.loss = torch.compile(task.loss, dynamic=False) if trunk.compiled else task.loss
        self.optimiser = optimiser_of(self.model, roles, recipe)
        self.averaging: Averaging = NoAveraging() if recipe.ema_decay is None else MovingAverage(recipe.ema_decay)
        # Gradients of fp16 are scaled up, or small ones would be zero (Micikevicius et al. 2018, arXiv:1710.03740).
        self.scaler = torch.amp.GradScaler(device, enabled=recipe.precision == "fp16")
        self.stopping = NeverStopping() if recipe.patience is None else EarlyStopping(recipe.patience)
        batches = task.batches(dataset, trunk.shape, recipe.batch_size, trunk.seed, trunk.unique_tokens)
        self.batch: Ahead[Batch] = Ahead(growing(batches, recipe))
        self.step = 0
        self.seconds = 0.0
        self.curve: list[tuple[int, float]] = []
        self._window: list[float] = []
        self._peak_memory = 0

    def advance(self, schedule: Schedule) -> float:
        """Takes one step; returns its loss.

        Raises:
            WorkError: the loss is not a finite number.
        """
        recipe = self.trunk.recipe
        began = time.perf_counter()
        factor = schedule.factor(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        # What dropout leaves out is a function of the step: resuming needs no state of generators.
        torch.manual_seed((self.trunk.seed * _STEPS + self.step) % 2**63)
        batch = tuple(part.to(self.device) for part in self.batch(self.step))
        with compute_in(recipe.precision, self.device):
            loss = self.loss(self.model, batch, recipe.objective)
        torch.autograd.backward(self.scaler.scale(loss))
        self.scaler.unscale_(self.optimiser)
        clip_gradients(self.model, self.optimiser, recipe)
        # A step whose gradients are not finite, in fp16, is left out and the scale halved.
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.optimiser.zero_grad(set_to_none=True)
        self.averaging.hear(self.model)
        value = loss.item()
        self.seconds += time.perf_counter() - began
        if not math.isfinite(value):
            raise WorkError(
                f"the loss is {value} at step {self.step} (width {self.trunk.shape.width}, "
                f"learning rate {recipe.learning_rate:g}): train with a lower learning rate"
            )
        self.step += 1
        self._record(value)
        return value

    def score(self, split: str) -> Scores:
        """What the model reaches on a held-out split."""
        return self.task.evaluate(self.model, self.dataset, split, self.trunk.recipe.precision)

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on."""
        return {
            "version": _STATE,
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "stopping": self.stopping.state(),
            "averaging": self.averaging.state(),
            "step": self.step,
            "seconds": self.seconds,
            "curve": [list(point) for point in self.curve],
            "window": list(self._window),
            "peak_memory": max(self._peak_memory, peak_memory_bytes()),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes back, or on, to a saved state.

        Raises:
            WorkError: another version of the program saved it.
        """
        if state.get("version") != _STATE:
            raise WorkError(
                f"run {self.trunk.address}: another version of scalewright saved its checkpoint: go on with that version, or "
                "delete the run's folder to train it from its start"
            )
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        self.stopping.go_on(state["stopping"])
        self.averaging.go_on(state.get("averaging", {}))
        self.step, self.seconds = state["step"], state["seconds"]
        self.curve = [(int(tokens), float(loss)) for tokens, loss in state["curve"]]
        self._window = list(state["window"])
        self._peak_memory = state["peak_memory"]

    def measured(self, horizon: int, scores: Scores) -> Measured:
        """The record of a finished branch."""
        tokens = self.trunk.tokens_after(self.step)
        return Measured(
            address=self.trunk.run_address(horizon),
            horizon=horizon,
            tokens=tokens,
            loss=scores.loss,
            metrics=dict(scores.metrics),
            best_step=self.stopping.step,
            curve=tuple(self.curve),
            flops=float(tokens * self.trunk.shape.train_flops_per_token),
            seconds=self.seconds,
            tokens_per_second=tokens / self.seconds,
            peak_memory_bytes=max(self._peak_memory, peak_memory_bytes()),
        )

    def _record(self, loss: float) -> None:
        self._window.append(loss)
        if self.step % max(1, self.trunk.horizons[-1] // CURVE_POINTS) == 0:
            self.curve.append((self.trunk.tokens_after(self.step), sum(self._window) / len(self._window)))
            self._window = []


def train(
    trunk: Trunk,
    task: Trainable,
    dataset: Prepared,
    folder: Path,
    *,
    device: str = "cpu",
    checkpoint_seconds: float = 20.0,
    limit_seconds: float = float("inf"),
    progress: Progress | None = None,
) -> Iterator[Measured]:
    """Trains a trunk and its branches in `folder`, yielding each branch as it is finished.

    Killed and called again, it goes on from its last checkpoint; branches that are finished are read, not run. The weights
    of the longest branch stay in `folder/weights.pt`.

    Args:
        trunk: what to train.
        task: how to build, feed, score.
        dataset: prepared data whose hash the trunk names.
        folder: this trunk's own folder.
        device: torch device type.
        checkpoint_seconds: at most about this much work is lost to a kill.
        limit_seconds: a hard stop on the seconds of training; called again after it, training goes on to its end.
        progress: hears of each step.

    Raises:
        WorkError: the loss is not finite, the time limit is passed, or a checkpoint is damaged or of another version.
    """
    torch.set_num_threads(trunk.threads)
    reset_peak_memory()
    watcher = progress or NoProgress()
    stopped = folder / "stopped"
    finished = {horizon: folder / f"result-{horizon}.json" for horizon in trunk.horizons}
    trainer: Trainer | None = None
    for horizon in trunk.horizons:
        if finished[horizon].exists():
            yield Result.load(finished[horizon]).measured
            continue
        if trainer is None:
            trainer = Trainer(trunk, task, dataset, device)
        schedule = trunk.schedule(horizon)
        branch_path, trunk_path = folder / f"branch-{horizon}.pt", folder / "trunk.pt"
        state = load_checkpoint(branch_path) or load_checkpoint(trunk_path)
        if state:
            trainer.restore(state)
        saved_at = time.monotonic()
        while trainer.step < horizon and not trainer.stopping.over:
            if trainer.step == schedule.branch and horizon != trunk.horizons[-1]:
                save_checkpoint(trunk_path, trainer.state())
                saved_at = time.monotonic()
            loss = trainer.advance(schedule)
            speed = trunk.tokens_after(trainer.step) / trainer.seconds
            watcher.step(trainer.step, horizon, loss, speed)
            if trunk.recipe.evaluate_every and trainer.step % trunk.recipe.evaluate_every == 0:
                with trainer.averaging.applied(trainer.model):
                    trainer.stopping.hear(trainer.step, trainer.score("validation").loss, trainer.model)
            if trainer.seconds > limit_seconds and trainer.step < horizon and not stopped.exists():
                save_checkpoint(branch_path if trainer.step > schedule.branch else trunk_path, trainer.state())
                stopped.touch()
                raise WorkError(
                    f"stopped at step {trainer.step} of {horizon} after {trainer.seconds:.0f} s of training, the hard stop "
                    f"of {limit_seconds:.0f} s: this machine is slower than planned; the same command goes on beyond it, "
                    "another budget plans anew"
                )
            if time.monotonic() - saved_at > checkpoint_seconds:
                save_checkpoint(branch_path if trainer.step > schedule.branch else trunk_path, trainer.state())
                saved_at = time.monotonic()
        trainer.averaging.restore(trainer.model)
        trainer.stopping.restore(trainer.model)
        measured = trainer.measured(horizon, trainer.score("validation"))
        if horizon == trunk.horizons[-1]:
            save_checkpoint(folder / "weights.pt", trainer.model.state_dict())
        # The result first: killed after it, nothing is left to do; killed before it, the checkpoints are still there.
        Result(measured=measured).save(finished[horizon])
        branch_path.unlink(missing_ok=True)
        if horizon == trunk.horizons[-1]:
            trunk_path.unlink(missing_ok=True)
        yield measured
