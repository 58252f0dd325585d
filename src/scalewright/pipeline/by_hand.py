"""A training that is described by hand: a model, its recipe and its layout, without a plan."""

import math
from bisect import bisect_left
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from scalewright.documents import Part, Reason
from scalewright.errors import InputError
from scalewright.files import content_hash
from scalewright.machines.host import usable_memory_bytes, usable_threads
from scalewright.models import compute_in
from scalewright.pipeline.carried_out import Trained, carry_out
from scalewright.pipeline.processes import Started, replicas_of
from scalewright.pipeline.toml_file import read_toml
from scalewright.pipeline.watch import Silent, Watch
from scalewright.planning import BY_THE_RULES, Given
from scalewright.planning.machine_plan import Layout
from scalewright.planning.processor_memory import BYTES_PER_PARAM, memory_bytes
from scalewright.planning.recipe import DEFAULT_REASONS, Recipe
from scalewright.planning.rules import warmup_of_a_run
from scalewright.tasks import TRAINABLE, Trainable, trainable_named
from scalewright.training import Trunk
from scalewright.training.batch_warmup import BatchWarmup
from scalewright.training.beginning import weightless
from scalewright.training.configuration import Start
from scalewright.training.fp8 import check_fp8
from scalewright.training.start import fitting, read_weights

TOLD = 6
"""Layers that are drawn and named."""


class StartTable(Part):
    """The table `[start]`: weights to begin with, relative to the file, and whether they stay as they are."""

    model_config = ConfigDict(strict=True)

    weights: str = Field(min_length=1)
    frozen: bool = False


class LayoutTable(Part):
    """The table `[layout]`: how the model lies on processes; what they are started for beyond it are replicas."""

    model_config = ConfigDict(strict=True)

    tensor: int = Field(default=1, ge=1)
    pipeline: int = Field(default=1, ge=1)
    stages: int = Field(default=1, ge=1)
    sharding: Literal["none", "optimiser", "all"] = "none"
    accumulation: int = Field(default=1, ge=1)
    recompute: Literal["none", "attention", "all"] = "none"


class Training(Part):
    """A training file.

    Attributes:
        task: `language` or `images`.
        epochs, steps: How long to train; one of them.
        batch_size: Rows of a step: sequences, or pictures.
        first_batch_size, batch_warmup_steps, precision: As in `Recipe`.
        patience: Evaluations without a lower loss, after which training ends and the best weights are restored.
        evaluate_every: Steps between evaluations; an epoch's by default.
        compiled: Whether torch.compile makes kernels.
        threads: Of a processor; all by default.
        model: What the task's shapes are described by.
    """

    model_config = ConfigDict(strict=True)

    task: str
    seed: int = Field(default=0, ge=0, lt=2**62)
    epochs: float | None = Field(default=None, gt=0)
    steps: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=32, ge=1)
    first_batch_size: int | None = Field(default=None, ge=1)
    batch_warmup_steps: int = Field(default=0, ge=0)
    precision: str = "fp32"
    patience: int | None = Field(default=None, ge=1)
    evaluate_every: int | None = Field(default=None, ge=1)
    compiled: bool = False
    threads: int | None = Field(default=None, ge=1)
    model: dict[str, Any]
    recipe: Given = BY_THE_RULES
    start: StartTable | None = None
    layout: LayoutTable = LayoutTable()

    @field_validator("task")
    @classmethod
    def _known_task(cls, task: str) -> str:
        if task not in TRAINABLE:
            raise ValueError(f"found {task!r}, expected one of {', '.join(TRAINABLE)}")
        return task

    @model_validator(mode="after")
    def _as_long_as_what(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            found = "found neither" if self.steps is None else "found both"
            raise ValueError(f"epochs and steps: {found}, expected one of them, such as epochs = 20")
        if self.evaluate_every is not None and self.patience is None:
            raise ValueError("evaluate_every: found it without patience, for which alone training stops to evaluate")
        return self

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a training file.

        Raises:
            InputError: it is missing, is not TOML, or a field does not fit.
        """
        if not path.is_file():
            raise InputError(f"{path}: no such file; expected a plan.json, or a training file such as vgg.toml")
        return read_toml(path, cls)


def train_by_hand(
    training: Training,
    data: Path,
    out: Path,
    *,
    base: Path = Path(),
    device: str = "cpu",
    ledger: str | Path | None = None,
    tune: bool = True,
    watch: Watch | None = None,
) -> Trained | None:
    """Trains what is described on prepared data, and keeps the model under `out`.

    Killed or asked to end, and called again, it goes on from its last checkpoint. In a job of several processes each calls it;
    the first one speaks and answers, the others return None.

    Args:
        training: What to train.
        data: Prepared for its task.
        out: Folder for checkpoints, the model and, unless one is named, the ledger; the same for all processes.
        base: Where the file's relative paths begin.
        device: Torch device type.
        ledger: Path or URL.
        tune: Whether the processes measure first what pays here.
        watch: Hears of stages and progress, in the first process.

    Raises:
        InputError: the description does not suit the data, or the processes.
        WorkError: the training failed; what was finished is kept.
    """
    task = trainable_named(training.task)
    dataset = task.open(data)
    shape = task.shape(dataset, training.model)
    rows = sum(dataset.supply.tokens) / shape.tokens_per_row
    batches = BatchWarmup(
        training.first_batch_size or training.batch_size, training.batch_size, training.batch_warmup_steps
    )
    steps = training.steps or _steps(batches, (training.epochs or 0) * rows)
    started = Started.now()
    layout = _layout(training, started, device)
    compute_in(training.precision, device)
    check_fp8(training.precision, device, layout.tensor)
    if device == "cpu" and started.processes == 1:
        _check_memory(shape, row=training.task == "language" and layout.recompute == "none")
    start = training.start and Start.of(base / training.start.weights, training.start.frozen)
    trunk = Trunk(
        task=training.task,
        shape=shape,
        recipe=_recipe(training, shape, steps, batches.rows_before(steps), rows),
        data_hash=dataset.hash,
        seed=training.seed,
        horizons=(steps,),
        threads=layout.threads or 1,
        compiled=layout.compiled,
        start=start,
    )
    watcher = (watch if started.first else None) or Silent()
    at = ledger or out / "ledger.db"
    if start and started.first:
        watcher.say(_taken_over(start, task, shape))
    run = carry_out(
        trunk,
        task,
        dataset,
        out,
        layout=layout,
        device=device,
        ledger=at,
        started=started,
        tune=tune,
        watch=watcher,
        study="by-hand",
        made_from=content_hash(training.model_dump(mode="json")),
    )
    if run is None:
        return None
    return Trained.of(run, out)


def _check_memory(shape: Any, *, row: bool) -> None:
    """Passes where there is room for the model's states and, with `row`, one of a language model's batch, none of it computed
    again.

    Raises:
        InputError: there is not, however small the micro-batches are made.
    """
    least = memory_bytes(shape, 1, "bf16") if row else BYTES_PER_PARAM * shape.params_total
    room = usable_memory_bytes()
    if least > room:
        raise InputError(
            f"model: {shape.params_total:,} params{' and one row' if row else ''} need {least / 2**30:,.0f} GiB, this machine "
            f"has {room / 2**30:,.0f}: make it smaller" + (', or ask for recompute = "all" in [layout]' if row else "")
        )


def _taken_over(start: Start, task: Trainable, shape: Any) -> str:
    with weightless():
        model = task.build(shape)
    taken = fitting(model, read_weights(start.path), start.path)
    layers = [name for name, module in model.named_modules() if module.state_dict() and not list(module.children())]
    new = [name for name in layers if name not in taken]
    drawn = ", ".join(new[:TOLD]) + (f" and {len(new) - TOLD} more" if len(new) > TOLD else "") or "none"
    stays = ", which stay as they are" if start.frozen else ""
    return f"start: {len(taken)} layers from {start.path}{stays}; drawn: {drawn}"


def _layout(training: Training, started: Started, device: str) -> Layout:
    """On the processes that were started: those beyond a model's own are replicas, each with an equal share of the batch.

    Raises:
        InputError: they do not make whole replicas, the batch does not divide among them, or a word has no meaning here.
    """
    table, processes = training.layout, started.processes
    whole = table.tensor * table.pipeline
    asked = f"layout: tensor {table.tensor} x pipeline {table.pipeline}"
    replicas = replicas_of(asked, whole, processes, training.batch_size)
    if table.stages > 1 and table.pipeline == 1:
        raise InputError(f"layout.stages: found {table.stages} without a pipeline: leave it out, or give pipeline = 2")
    if table.accumulation > 1 and training.model.get("batch_norm"):
        raise InputError(
            f"layout.accumulation: found {table.accumulation} with batch norm, whose rows would be those of a micro-batch: "
            "leave it out, or start more processes, which normalise over all of theirs"
        )
    return Layout(
        devices=processes,
        data=replicas,
        micro_batch=-(-training.batch_size // (replicas * table.accumulation)),
        shards=1 if table.sharding == "none" else replicas,
        threads=None if device == "cuda" else max(1, (training.threads or usable_threads()) // started.beside),
        compiled=training.compiled,
        **table.model_dump(),
    )


def _steps(batches: BatchWarmup, rows: float) -> int:
    """As many as see so many rows, to the nearest batch; one at least."""
    most = math.ceil(rows / batches.first) + 1
    return 1 + bisect_left(range(1, most), rows - batches.full / 2, key=batches.rows_before)


def _recipe(training: Training, shape: Any, steps: int, seen: int, rows: float) -> Recipe:
    # Of the data's `rows`, `seen` are seen, some of them again.
    task, given = trainable_named(training.task), training.recipe
    tokens = seen * shape.tokens_per_row
    rates = task.rates(shape, tokens, steps, given.learning_rate)
    warmup, warmup_reason = warmup_of_a_run(steps)
    decay, reasons = rates.weight_decay, dict(rates.reasons)
    if training.start:
        decay = 0.0
        reasons["weight_decay"] = Reason(origin="derived", text="none: what the weights hold is not to be forgotten")
    every = training.evaluate_every or max(1, round(rows / training.batch_size))
    rules = Recipe(
        learning_rate=rates.learning_rate,
        base_width=shape.width,
        base_depth=getattr(shape, "depth", 1),
        batch_size=training.batch_size,
        first_batch_size=training.first_batch_size,
        batch_warmup_steps=training.batch_warmup_steps,
        warmup_steps=warmup,
        weight_decay=decay,
        precision=training.precision,
        patience=training.patience,
        evaluate_every=None if training.patience is None else every,
        reasons=DEFAULT_REASONS
        | reasons
        | {
            "warmup_steps": warmup_reason,
            "base_width": Reason(origin="given", text="this model's own: its learning rate is as it is written"),
        },
    )
    return given.over(rules)
