"""A machine's plan, followed by a training: on one process, or on those that torchrun started."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import torch.distributed as dist

from scalewright.architectures.decoder import Decoder
from scalewright.architectures.llama import LLAMA_CONTEXT, LLAMA_ROPE_THETA, LlamaShape
from scalewright.data import Dataset
from scalewright.documents import Document, Reason
from scalewright.errors import InputError
from scalewright.ledger import Ledger
from scalewright.models import Llama, save_model
from scalewright.pipeline.foretold import score_all, store_once
from scalewright.pipeline.trained import load_trained, model_card
from scalewright.pipeline.watch import Silent, Watch
from scalewright.planning.machine_plan import Layout, MachinePlan
from scalewright.planning.recipe import DEFAULT_REASONS, Recipe
from scalewright.studies import ledger_run
from scalewright.tasks import evaluate, task_named
from scalewright.training import Measured, Trunk, train

LATE = 1.2
"""Times the planned seconds after which training stops."""
WARMUP_SHARE, MOST_WARMUP = 50, 2000
"""Of the steps, one in so many is warmup, and no more than the second of these."""


class Followed(Document):
    """What a plan's training came to.

    Attributes:
        run: Its address in the ledger.
        loss, test_loss: On the validation and the test split.
        metrics: What else was measured; of a mixture the loss on each source, as `loss_NAME` and `test_loss_NAME`.
        mfu: Model FLOPs per second over the dense peak of all devices, as the plan counts it.
        peak_memory_bytes: Of this process.
        model: Folder of the trained model.
    """

    KIND: ClassVar[str] = "followed plan"

    run: str
    loss: float
    test_loss: float
    metrics: dict[str, float]
    seconds: float
    tokens_per_second: float
    mfu: float
    peak_memory_bytes: int
    model: Path


def follow(
    plan: MachinePlan,
    data: Path,
    out: Path,
    *,
    learning_rate: float | None = None,
    seed: int = 0,
    device: str = "cpu",
    ledger: str | Path | None = None,
    watch: Watch | None = None,
) -> Followed | None:
    """Trains a plan's choice on prepared text, stores its forecasts before and scores them after.

    Killed or asked to end, and called again, it goes on from its last checkpoint. In a job of several processes each calls it;
    the first one speaks and answers, the others return None.

    Args:
        plan: Of `scalewright.plan`.
        data: A prepared dataset.
        out: Folder for checkpoints, the model and, unless one is named, the ledger; the same for all processes.
        learning_rate: Of the matrices; by the step law by default.
        seed: Of weights and data's order.
        device: Torch device type.
        ledger: Path or URL.
        watch: Hears of stages and progress, in the first process.

    Raises:
        InputError: the data do not suit the plan, or the processes do not.
        WorkError: the training failed; what was finished is kept.
    """
    task, dataset = task_named("language"), Dataset.open(data)
    choice = plan.choice
    shape = shape_to_train(choice.shape, dataset)
    processes = dist.get_world_size() if dist.is_initialized() else 1
    first = processes == 1 or dist.get_rank() == 0
    watcher = (watch if first else None) or Silent()
    layout = fitted(choice.layout, processes, choice.sequences, beside=int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    if (layout.data, layout.shards) != (choice.layout.data, choice.layout.shards):
        watcher.warn(f"planned for {choice.layout.devices}, started as {processes} processes: {layout}")
    trunk = Trunk(
        task=task.name,
        shape=shape,
        recipe=recipe_of(plan, learning_rate),
        data_hash=dataset.hash,
        seed=seed,
        horizons=(choice.steps,),
        threads=choice.layout.threads or 1,
        compiled=layout.compiled,
    )
    watcher.stage("train", f"{choice.params:,} params on {choice.tokens:,.0f} tokens: {layout}")
    for name, reason in trunk.recipe.reasons.items():
        watcher.say(f"{name.replace('_', ' ')}: {reason}")
    folder = out / "runs" / trunk.address
    if first:
        with Ledger.open(ledger or out / "ledger.db") as opened:
            for quantity, interval in (("loss", plan.forecast), ("seconds", plan.forecast_seconds)):
                store_once(opened, plan.hash, plan.law, quantity, interval, plan.extrapolation)
    (measured,) = train(
        trunk,
        task,
        dataset,
        folder,
        device=device,
        layout=layout,
        limit_seconds=LATE * plan.limits["seconds"] if "seconds" in plan.limits else math.inf,
        progress=_Steps(watcher),
    )
    if not first:
        return None
    with Ledger.open(ledger or out / "ledger.db") as opened:
        return _keep(opened, plan, trunk, measured, dataset, folder, out, layout, watcher.warn)


def shape_to_train(shape: Decoder, dataset: Dataset) -> LlamaShape:
    """A planned shape as the trunk that is trained.

    Raises:
        InputError: the trunk is no such decoder, or the data have another vocabulary.
    """
    ours = LlamaShape(
        vocabulary=shape.vocabulary,
        context=shape.context,
        depth=shape.depth,
        width=shape.width,
        head_size=shape.head_size,
        hidden=shape.hidden,
        rope_theta=LLAMA_ROPE_THETA * shape.context / LLAMA_CONTEXT,
    )
    if Decoder.of(ours) != shape:
        raise InputError(
            f"plan: a decoder of {shape.heads} heads, {shape.kv_heads} of keys, {'tied' if shape.tied else 'untied'}: training "
            "knows untied Llamas with as many heads of keys as of queries"
        )
    vocabulary = dataset.manifest.vocabulary
    if vocabulary != shape.vocabulary:
        raise InputError(
            f"{dataset.folder}: a vocabulary of {vocabulary:,}, the plan's is {shape.vocabulary:,}: plan with "
            f"--vocabulary {vocabulary}, or prepare the data with --tokenizer bpe:{shape.vocabulary}"
        )
    return ours


def recipe_of(plan: MachinePlan, learning_rate: float | None = None) -> Recipe:
    """How the choice of a plan is trained, each setting with its reason."""
    choice = plan.choice
    warmup = min(MOST_WARMUP, max(10, choice.steps // WARMUP_SHARE))
    rate = Reason(origin="given", text="as asked for")
    if learning_rate is None:
        learning_rate = 1.79 * choice.params**-0.713 * choice.tokens**0.307
        rate = Reason(
            origin="cited",
            text=f"1.79 N^-0.713 D^0.307 = {learning_rate:.2g} (step law, Li et al. 2025, arXiv:2503.04715)",
        )
    return Recipe(
        learning_rate=learning_rate,
        base_width=choice.shape.width,
        base_depth=choice.shape.depth,
        batch_size=choice.sequences,
        warmup_steps=warmup,
        weight_decay=1 / (learning_rate * choice.steps),
        precision=choice.precision,
        reasons=DEFAULT_REASONS
        | {
            "learning_rate": rate,
            "warmup_steps": Reason(
                origin="assumed", text=f"one step in {WARMUP_SHARE}, at most {MOST_WARMUP:,}: {warmup:,}"
            ),
            "weight_decay": Reason(
                origin="derived",
                text=f"1/(learning rate x {choice.steps:,} steps): weights forget their past over the length of the run "
                "(Wang & Aitchison 2024, arXiv:2405.13698)",
            ),
        },
    )


def fitted(layout: Layout, processes: int, sequences: int, beside: int = 1) -> Layout:
    """The layout with as many replicas as processes were started: a lost machine is not waited for, and the batch stays.

    Args:
        layout: as planned.
        processes: that were started.
        sequences: of a step.
        beside: processes of this machine, which share its threads where processors train.

    Raises:
        InputError: they do not make whole replicas, or not of equal shares of the batch.
    """
    if layout.devices == processes:
        return layout
    whole = layout.tensor * layout.pipeline * layout.context
    replicas, rest = divmod(processes, whole)
    if rest or not replicas or sequences % replicas:
        raise InputError(
            f"plan: {layout.devices} devices, {processes} processes started: expected a multiple of {whole} that shares out "
            f"{sequences} sequences equally"
        )
    sharded = layout.sharding != "none"
    return layout.model_copy(
        update={
            "devices": processes,
            "data": replicas,
            "shards": math.gcd(layout.shards, replicas) if sharded else 1,
            "accumulation": -(-sequences // (replicas * layout.micro_batch)),
            "threads": layout.threads and max(1, layout.threads // beside),
        }
    )


def _keep(
    ledger: Ledger,
    plan: MachinePlan,
    trunk: Trunk,
    measured: Measured,
    dataset: Dataset,
    folder: Path,
    out: Path,
    layout: Layout,
    warn: Callable[[str], None],
) -> Followed:
    task = task_named(trunk.task)
    model = load_trained(task, trunk.shape, folder)
    assert isinstance(model, Llama)
    run = ledger.run(measured.address)
    if run is None:
        test = evaluate(task, model, dataset, "test", trunk.recipe.precision)
        row = ledger_run(trunk, measured, study=plan.machine, role="final", dataset=dataset, folder=folder, test=test)
        row.layout = str(layout)
        run = ledger.record_run(row)
    score_all(ledger, plan.hash, run, warn)
    save_model(
        model.eval(),
        out / "model",
        tokenizer=dataset.tokenizer_path,
        end_of_text=dataset.manifest.end_of_text,
        card=model_card(run, task.loss_unit, plan.hash),
    )
    assert run.test_loss is not None
    return Followed(
        run=run.id,
        loss=run.loss,
        test_loss=run.test_loss,
        metrics=dict(run.metrics),
        seconds=run.seconds,
        tokens_per_second=run.tokens_per_second,
        mfu=plan.choice.mfu * run.tokens_per_second / plan.choice.tokens_per_second,
        peak_memory_bytes=run.peak_memory_bytes,
        model=out / "model",
    )


class _Steps:
    """A training's steps as the watch's progress."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def step(self, step: int, total: int, loss: float, tokens_per_second: float) -> None:
        """Hands a step on."""
        self._watch.progress(step, total, f"loss {loss:.3f}  {tokens_per_second:,.0f} tokens/s")

    def warn(self, text: str) -> None:
        """Hands it on."""
        self._watch.warn(text)
