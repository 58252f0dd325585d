"""A model on its way: one step after the other."""

import math
import time
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from scalewright.data.ahead import Ahead
from scalewright.errors import InputError, WorkError
from scalewright.planning.machine_plan import Layout
from scalewright.tasks import Among, Batch, Prepared, Scores, Trainable, score
from scalewright.training.averaging import Averaging, MovingAverage, NoAveraging
from scalewright.training.batch_warmup import batch_warmup, growing
from scalewright.training.beginning import begin, weightless
from scalewright.training.checkpoint import Facts, Saved, Tensors
from scalewright.training.clipping import clip
from scalewright.training.configuration import Measured, Trunk
from scalewright.training.counting import counted_flops
from scalewright.training.fp8 import check_fp8
from scalewright.training.memory import keep_memory, peak_memory_bytes
from scalewright.training.mesh import DATA, Mesh
from scalewright.training.optimisers import optimiser_of
from scalewright.training.placement import place
from scalewright.training.schedule import Schedule
from scalewright.training.spikes import NoSpikes, SpikeWatch
from scalewright.training.start import take_over
from scalewright.training.stopping import EarlyStopping, NeverStopping

CURVE_POINTS = 60
_STATE = 3
"""Version of what a checkpoint holds."""
_STEPS, _ROWS = 2**40, 2**32
"""More than any run takes: seeds of two runs, or of two rows, never meet."""
_WEIGHTS, _MOMENTS, _BEST, _AVERAGE = "weights.", "moments.", "best.", "average."
"""What names of tensors in a checkpoint begin with."""
_SCALARS = ("step",)
"""Of an optimiser's state, what is one number for each weight matrix."""


class DivergedError(WorkError):
    """The loss of a step, or the norm of its gradients, is no number, or the loss leaps."""

    def __init__(self, message: str, what: str, batch: int) -> None:
        super().__init__(message)
        self.what, self.batch = what, batch

    def __reduce__(self) -> tuple[type["DivergedError"], tuple[str, str, int]]:
        """Whole again after the way from a worker: an exception is made anew of its `args` alone."""
        return type(self), (str(self), self.what, self.batch)


class Trainer:
    """A model on its way: weights, optimiser, step, the curve so far and the seconds spent.

    In a training of several processes each of them holds one, and all of them call its methods together.

    Args:
        trunk: What to train.
        task: How to build, feed, score.
        dataset: Prepared data whose hash the trunk names.
        device: Torch device type.
        layout: How the training lies on its processes; by default it has one.
        mesh: Of the layout; made anew by default.

    Raises:
        InputError: the layout does not suit the model, the batch or the processes that were started, or the precision is not
            to be had here.
    """

    def __init__(
        self,
        trunk: Trunk,
        task: Trainable,
        dataset: Prepared,
        device: str,
        layout: Layout | None = None,
        mesh: Mesh | None = None,
    ) -> None:
        keep_memory(trunk.keeps_memory)
        self.trunk, self.task, self.dataset, self.device = trunk, task, dataset, device
        layout = layout or Layout.alone()
        self.mesh = mesh or Mesh.of(layout, device)
        recipe = trunk.recipe
        check_fp8(recipe.precision, device, layout.tensor)
        if recipe.precision == "fp16" and layout.devices > layout.data:
            raise InputError("fp16: its scale is kept by whole replicas alone: train in bf16, or lay it out over data")
        with weightless():
            model = task.build(trunk.shape, recipe.dropout)
        roles = task.roles(model, recipe)
        self._rows = self.mesh.rows(recipe.batch_size)

        self._taken: frozenset[str] = frozenset()

        def start(parts: Sequence[nn.Module]) -> None:
            begin(model, parts, roles, trunk.seed, device)
            if trunk.start:
                self._taken = take_over(model, trunk.start)

        self.placement = place(
            model,
            task,
            self.mesh,
            layout,
            trunk,
            rows=self._rows.stop - self._rows.start,
            begin=start,
        )
        self.weights: Tensors = {
            name: value for part in self.placement.parts for name, value in part.state_dict().items()
        }
        """What this process holds of the model, by its names there: parameters, and buffers that are kept."""
        self._parameters = {
            name: value
            for part in self.placement.parts
            for name, value in part.named_parameters()
            if value.requires_grad
        }
        """Those of them that are trained."""
        if not self._parameters:
            raise InputError(
                "start: every weight is frozen and nothing left to train: leave frozen out, or change the last layers"
            )
        self.optimiser = optimiser_of(self._parameters.items(), roles, recipe)
        self.averaging: Averaging = NoAveraging() if recipe.ema_decay is None else MovingAverage(recipe.ema_decay)
        # Gradients of fp16 are scaled up, or small ones would be zero (Micikevicius et al. 2018, arXiv:1710.03740).
        self.scaler = torch.amp.GradScaler(device, enabled=recipe.precision == "fp16")
        self.spikes = NoSpikes() if recipe.spike is None else SpikeWatch(recipe.spike)
        self.stopping = NeverStopping() if recipe.patience is None else EarlyStopping(recipe.patience)
        batches = task.batches(dataset, trunk.shape, recipe.batch_size, trunk.seed, trunk.unique_tokens)
        feed, rows_of_step = growing(batches, recipe), batch_warmup(recipe).rows

        mesh = self.mesh

        def share(number: int) -> Batch:
            own = mesh.rows(rows_of_step(number))
            return feed(number, own.start, own.stop - own.start)

        self.batch: Ahead[Batch] = Ahead(share)
        """This process's rows of the batch of a number."""
        self.step = 0
        self.seconds = 0.0
        self.skipped: list[int] = []
        self.curve: list[tuple[int, float]] = []
        self._window: list[float] = []
        self._peak_memory = 0

    def advance(self, schedule: Schedule) -> float:
        """Takes one step; returns its loss.

        Raises:
            DivergedError: the loss, or the norm of its gradients, is not a finite number, or the loss is a spike.
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
        number = self._batch_number()
        batch = tuple(part.to(self.device) for part in self.batch(number))
        loss = self.mesh.mean(self._backward(batch))
        self.scaler.unscale_(self.optimiser)
        norm = clip(self._parameters.values(), self.optimiser, recipe, self.mesh)
        # A step whose gradients are not finite, in fp16, is left out and the scale halved.
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.optimiser.zero_grad(set_to_none=True)
        self.averaging.hear(self.weights)
        value, length = loss.item(), norm.item()
        self.seconds += time.perf_counter() - began
        wrong = self._wrong(value, length)
        if wrong:
            raise DivergedError(
                f"{wrong} at step {self.step} (width {self.trunk.shape.width}, "
                f"learning rate {recipe.learning_rate:g}): train with a lower learning rate",
                what=f"{wrong} at step {self.step}",
                batch=number,
            )
        self.step += 1
        self.spikes.hear(value)
        self._record(value)
        return value

    def score(self, split: str) -> Scores:
        """What the model reaches on a held-out split: each replica evaluates its share of it, and all learn the same."""
        parts, among = self.placement.parts, Among(*self.mesh.share, self._over_replicas)
        training = parts[0].training
        for part in parts:
            part.eval()
        try:
            return score(self.task, self.placement.forward, self.trunk.shape, self.dataset, split, self.device, among)
        finally:
            for part in parts:
                part.train(training)

    def tensors(self) -> Tensors:
        """Weights, moments, the best weights so far and their average, as this process holds them."""
        moments = {
            f"{_MOMENTS}{name}.{key}": value
            for name, parameter in self._parameters.items()
            for key, value in self.optimiser.state[parameter].items()
            if value is not None
        }
        copies = {
            f"{kind}{name}": value
            for kind, kept in ((_BEST, self.stopping), (_AVERAGE, self.averaging))
            for name, value in kept.weights.items()
        }
        return {f"{_WEIGHTS}{name}": value for name, value in self.weights.items()} | moments | copies

    def facts(self) -> Facts:
        """What else the rest of the run depends on."""
        return {
            "version": _STATE,
            "scaler": self.scaler.state_dict(),
            "spikes": self.spikes.state(),
            "stopping": self.stopping.state(),
            "averaging": self.averaging.state(),
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
            elif name.startswith((_BEST, _AVERAGE)) and (parameter := name.partition(".")[2]) in weights:
                into[name] = torch.zeros_like(weights[parameter])
        with torch.no_grad():
            saved.read(into)
        self.optimiser.state.clear()
        for parameter, state in moments.items():
            self.optimiser.state[self._parameters[parameter]] = state
        self.scaler.load_state_dict(facts["scaler"])
        self.spikes.go_on(facts["spikes"])
        for kept, kind, about in (
            (self.stopping, _BEST, facts["stopping"]),
            (self.averaging, _AVERAGE, facts["averaging"]),
        ):
            kept.go_on(about, {name.removeprefix(kind): value for name, value in into.items() if name.startswith(kind)})
        self.step, self.seconds, self.skipped = facts["step"], facts["seconds"], list(facts["skipped"])
        self.placement.pieces = (
            max(self.placement.pieces, facts["pieces"]) if self.mesh.axes is None else self.placement.pieces
        )
        self.curve = [(int(tokens), float(loss)) for tokens, loss in facts["curve"]]
        self._window = list(facts["window"])
        self._peak_memory = facts["peak_memory"]

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
            skipped=tuple(self.skipped),
            curve=tuple(self.curve),
            flops=tokens * self._flops_per_token(),
            seconds=self.seconds,
            tokens_per_second=tokens / self.seconds,
            peak_memory_bytes=max(self._peak_memory, peak_memory_bytes()),
        )

    def _flops_per_token(self) -> float:
        shape = self.trunk.shape
        if self.trunk.start is None or not self.trunk.start.frozen:
            return float(shape.train_flops_per_token)
        return counted_flops(self.task, shape, self.batch(0), self._taken) / shape.tokens_per_row

    def _over_replicas(self, sums: Tensor) -> Tensor:
        # Summed where the processes' group works.
        return self.mesh.sum(sums.to(self.device), *DATA).cpu() if self.mesh.axes else sums

    def _wrong(self, loss: float, norm: float) -> str | None:
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        # The scale of fp16 deals with gradients of its own.
        if not (math.isfinite(norm) or self.scaler.is_enabled()):
            return f"the gradient's norm is {norm}, the loss {loss},"
        bound = self.spikes.bound()
        return None if loss < bound else f"the loss leaps to {loss:.4g}, beyond {bound:.4g},"

    def _batch_number(self) -> int:
        """Of the next step's batch in the order of the data: some are left out."""
        number = self.step
        for skipped in sorted(self.skipped):
            number += skipped <= number
        return number

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
            self.curve.append((self.trunk.tokens_after(self.step), sum(self._window) / len(self._window)))
            self._window = []


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
