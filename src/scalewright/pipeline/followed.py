"""A machine's plan, followed by a training: on one process, or on those that torchrun started."""

import math
from pathlib import Path

from scalewright.architectures.decoder import Decoder
from scalewright.architectures.llama import LLAMA_CONTEXT, LLAMA_ROPE_THETA, LlamaShape
from scalewright.data import Dataset
from scalewright.documents import Reason
from scalewright.errors import InputError
from scalewright.ledger import Ledger
from scalewright.pipeline.carried_out import Trained, carry_out
from scalewright.pipeline.foretold import score_all, store_once
from scalewright.pipeline.processes import Started, fitted
from scalewright.pipeline.watch import Silent, Watch
from scalewright.planning.machine_plan import MachinePlan
from scalewright.planning.recipe import DEFAULT_REASONS, Recipe
from scalewright.planning.rules import step_law_rate, warmup_of_a_run, weight_decay
from scalewright.tasks import task_named
from scalewright.training import Trunk

LATE = 1.2
"""Times the planned seconds after which training stops."""


def follow(
    plan: MachinePlan,
    data: Path,
    out: Path,
    *,
    learning_rate: float | None = None,
    seed: int = 0,
    device: str = "cpu",
    ledger: str | Path | None = None,
    tune: bool = False,
    watch: Watch | None = None,
) -> Trained | None:
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
        tune: Whether the processes measure first what pays here, and go by that; the plan has forecast its own way.
        watch: Hears of stages and progress, in the first process.

    Raises:
        InputError: the data do not suit the plan, or the processes do not.
        WorkError: the training failed; what was finished is kept.
    """
    task, dataset = task_named("language"), Dataset.open(data)
    choice = plan.choice
    shape = shape_to_train(choice.shape, dataset)
    started = Started.now()
    watcher = (watch if started.first else None) or Silent()
    layout = fitted(choice.layout, started.processes, choice.sequences, beside=started.beside)
    if (layout.data, layout.shards) != (choice.layout.data, choice.layout.shards):
        watcher.warn(f"planned for {choice.layout.devices}, started as {started.processes} processes: {layout}")
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
    at = ledger or out / "ledger.db"
    if started.first:
        with Ledger.open(at) as opened:
            for quantity, interval in (("loss", plan.forecast), ("seconds", plan.forecast_seconds)):
                store_once(opened, plan.hash, plan.law, quantity, interval, plan.extrapolation)
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
        study=plan.machine,
        made_from=plan.hash,
        limit_seconds=LATE * plan.limits["seconds"] if "seconds" in plan.limits else math.inf,
    )
    if run is None:
        return None
    with Ledger.open(at) as opened:
        score_all(opened, plan.hash, run, watcher.warn)
    return Trained.of(run, out, mfu=choice.mfu * run.tokens_per_second / choice.tokens_per_second)


def shape_to_train(shape: Decoder, dataset: Dataset) -> LlamaShape:
    """A planned shape as the trunk that is trained.

    Raises:
        InputError: the trunk is no such decoder, or the data have another vocabulary.
    """
    if shape.tied or shape.positions or not shape.gated or shape.heads != -(-shape.width // shape.head_size):
        raise InputError(
            f"plan: a decoder of {shape.heads} heads of {shape.head_size} at width {shape.width}, "
            f"{'tied' if shape.tied else 'untied'}: training knows untied Llamas whose heads fill their width"
        )
    vocabulary = dataset.manifest.vocabulary
    if vocabulary != shape.vocabulary:
        raise InputError(
            f"{dataset.folder}: a vocabulary of {vocabulary:,}, the plan's is {shape.vocabulary:,}: plan with "
            f"--vocabulary {vocabulary}, or prepare the data with --tokenizer bpe:{shape.vocabulary}"
        )
    return LlamaShape(
        vocabulary=shape.vocabulary,
        context=shape.context,
        depth=shape.depth,
        width=shape.width,
        head_size=shape.head_size,
        hidden=shape.hidden,
        queries_per_key=shape.heads // shape.kv_heads,
        rope_theta=LLAMA_ROPE_THETA * shape.context / LLAMA_CONTEXT,
    )


def recipe_of(plan: MachinePlan, learning_rate: float | None = None) -> Recipe:
    """How the choice of a plan is trained, each setting with its reason."""
    choice = plan.choice
    warmup, warmup_reason = warmup_of_a_run(choice.steps)
    rate = Reason(origin="given", text="as asked for")
    if learning_rate is None:
        learning_rate, rate = step_law_rate(choice.params, choice.tokens)
    decay, decay_reason = weight_decay(learning_rate, choice.steps)
    return Recipe(
        learning_rate=learning_rate,
        base_width=choice.shape.width,
        base_depth=choice.shape.depth,
        batch_size=choice.sequences,
        warmup_steps=warmup,
        weight_decay=decay,
        precision=choice.precision,
        reasons=DEFAULT_REASONS
        | {
            "learning_rate": rate,
            "warmup_steps": warmup_reason,
            "weight_decay": decay_reason,
        },
    )
