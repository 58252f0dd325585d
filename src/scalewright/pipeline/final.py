"""The final run: the planned model trained, and its forecast scored."""

import math
from typing import NamedTuple

from scalewright.ledger import Run
from scalewright.models import Llama
from scalewright.pipeline.final_way import final_trunk
from scalewright.pipeline.foretold import score_all
from scalewright.pipeline.planned import Planned
from scalewright.pipeline.tracking import final_metrics, tracked_final
from scalewright.pipeline.trained import load_trained
from scalewright.pipeline.watch import Watch
from scalewright.pipeline.workspace import Workspace
from scalewright.planning import Plan
from scalewright.planning.machine_plan import Layout
from scalewright.studies import ledger_run
from scalewright.training import Measured, Trunk, train
from scalewright.training.trackers import NoTracker, Tracker
from scalewright.training.tuning import going


class Final(NamedTuple):
    """The final model and its row in the ledger."""

    model: Llama
    run: Run


def train_planned(at: Workspace, planned: Planned, tracker: Tracker | None = None) -> tuple[Trunk, Measured]:
    """Trains the planned model in its own folder and evaluates it on both held-out splits, or reads what it measured; a tracker
    hears of it until the stage is done."""
    plan = planned.plan
    shape, threads = plan.choice.shape, plan.way.threads
    asked = final_trunk(at, shape, planned.recipe, planned.dataset.hash, plan.choice.steps, threads)
    trunk, layout = going(plan.way, asked, Layout.alone(threads))
    at.watch.stage("train", f"{plan.choice.params:,} params on {plan.choice.tokens:,} tokens")
    done = at.stages.fresh("train", _made_from(plan, trunk.run_address(plan.choice.steps)))
    heard = NoTracker() if tracker is None or done else tracker
    with tracked_final(trunk, plan, at.project.name, heard, _TrainWatch(at.watch, plan)) as progress:
        (measured,) = train(
            trunk,
            at.task,
            planned.dataset,
            at.runs / trunk.address,
            layout=layout,
            limit_seconds=plan.limit_seconds or math.inf,
            progress=progress,
            test=True,
        )
        progress.finish(final_metrics(measured))
    return trunk, measured


def train_final(at: Workspace, planned: Planned, tracker: Tracker | None = None) -> Final:
    """Trains the planned model, records it and scores its forecast."""
    plan, dataset = planned.plan, planned.dataset
    trunk, measured = train_planned(at, planned, tracker)
    folder = at.runs / trunk.address
    model = load_trained(at.task, plan.choice.shape, folder)
    assert isinstance(model, Llama)
    run = at.ledger.run(measured.address) or at.ledger.record_run(
        ledger_run(trunk, measured, study=at.project.name, role="final", dataset=dataset, folder=folder)
    )
    score_all(at.ledger, plan.hash, run, at.watch.warn)
    at.stages.finish("train", _made_from(plan, run.id))
    for source in dataset.manifest.mixture:
        losses = [run.metrics.get(f"{kind}loss_{source.name}", math.nan) for kind in ("", "test_")]
        at.watch.say(f"{source.name}: validation {losses[0]:.4f}, test {losses[1]:.4f} {at.task.loss_unit}")
    at.watch.say(
        f"{run.seconds:.0f} s of training, {run.tokens_per_second:,.0f} tokens/s, "
        f"peak memory {run.peak_memory_bytes / 2**20:,.0f} MiB"
    )
    return Final(model, run)


def _made_from(plan: Plan, run: str) -> list[str]:
    """What the stage is known again by."""
    return [plan.hash, run]


class _TrainWatch:
    """Passes the final run's progress on: loss, speed, utilisation."""

    def __init__(self, watch: Watch, plan: Plan) -> None:
        self.watch, self.plan = watch, plan

    def step(self, step: int, total: int, loss: float, tokens_per_second: float) -> None:
        """Reports a step."""
        used = tokens_per_second / self.plan.tokens_per_second * self.plan.mfu
        self.watch.progress(
            step, total, f"loss {loss:.3f}  {tokens_per_second:,.0f} tokens/s  {used:.0%} of the probed rate"
        )

    def say(self, text: str) -> None:
        """Passes it on."""
        self.watch.say(text)

    def warn(self, text: str) -> None:
        """Passes it on."""
        self.watch.warn(text)
