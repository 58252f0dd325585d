"""A training carried out: trained, looked at on the test split, recorded, and its model kept."""

import json
import math
from contextlib import nullcontext
from pathlib import Path
from typing import ClassVar

from scalewright.documents import Document
from scalewright.ledger import Ledger, Run
from scalewright.pipeline.processes import Started
from scalewright.pipeline.trained import load_trained, model_card
from scalewright.pipeline.tuned import tuned
from scalewright.pipeline.watch import Watch
from scalewright.planning.machine_plan import Layout
from scalewright.studies import ledger_run
from scalewright.studies.work import alone
from scalewright.tasks import Prepared, Trainable, trainable_named
from scalewright.training import Trunk, train

MODEL = "model"


class Trained(Document):
    """What a training came to.

    Attributes:
        run: Its address in the ledger.
        loss, test_loss: On the validation and the test split.
        metrics: What else was measured, of the test split as `test_NAME`; of a mixture the loss on each source, `loss_NAME`.
        tokens_per_second: In the `unit` of the task's data.
        peak_memory_bytes: Of this process.
        model: Folder of the trained model.
        mfu: Model FLOPs per second over the dense peak of all devices, where a plan counts it.
    """

    KIND: ClassVar[str] = "training's outcome"

    run: str
    loss: float
    test_loss: float
    metrics: dict[str, float]
    seconds: float
    tokens_per_second: float
    unit: str
    peak_memory_bytes: int
    model: Path
    mfu: float | None = None

    @classmethod
    def of(cls, run: Run, out: Path, mfu: float | None = None) -> "Trained":
        """A recorded run whose model lies under `out`."""
        assert run.test_loss is not None
        return cls(
            run=run.id,
            loss=run.loss,
            test_loss=run.test_loss,
            metrics=dict(run.metrics),
            seconds=run.seconds,
            tokens_per_second=run.tokens_per_second,
            unit=_unit(trainable_named(run.task)),
            peak_memory_bytes=run.peak_memory_bytes,
            model=out / MODEL,
            mfu=mfu,
        )


def carry_out(
    trunk: Trunk,
    task: Trainable,
    dataset: Prepared,
    out: Path,
    *,
    layout: Layout,
    device: str,
    ledger: str | Path,
    started: Started,
    tune: bool,
    watch: Watch,
    study: str,
    made_from: str,
    limit_seconds: float = math.inf,
) -> Run | None:
    """Trains, or goes on training, a trunk of one horizon under `out`; records it, evaluated on the test split, and writes its
    model to `out/model`. None in all processes but the first.

    Args:
        trunk: What to train.
        task: How to build, feed, evaluate and save it.
        dataset: Its data.
        out: For its checkpoints and its model; the same for all processes.
        layout: How it lies on its processes.
        device: Where they train and evaluate it.
        ledger: Path or URL; a row that is there already stays.
        started: The processes.
        tune: Whether the processes measure first what pays here.
        watch: Hears of it.
        study: That it belongs to.
        made_from: Hash of what asked for it: a plan, or a training's description.
        limit_seconds: As for `train`.

    The processes part when it is trained and evaluated, and their group ends: the first alone does the rest.

    Raises:
        WorkError: the same training is under way already, or it failed.
    """
    trunk, layout = tuned(
        trunk,
        task,
        dataset,
        out,
        layout=layout,
        device=device,
        ledger=ledger,
        started=started,
        measure=tune,
        watch=watch,
    )
    shape = trunk.shape
    watch.stage(
        "train", f"{shape.params:,} params, {trunk.horizons[0]:,} steps of {trunk.recipe.batch_size} rows: {layout}"
    )
    for name, reason in (trunk.recipe.reasons | trunk.recipe.option_reasons).items():
        watch.say(f"{name.replace('_', ' ')}: {reason}")
    folder = out / "runs" / trunk.address
    with alone(folder) if started.first else nullcontext():
        (measured,) = train(
            trunk,
            task,
            dataset,
            folder,
            device=device,
            layout=layout,
            limit_seconds=limit_seconds,
            progress=_Steps(watch, f"{_unit(task)}/s"),
            test=True,
        )
    started.part()
    if not started.first:
        return None
    model = load_trained(task, trunk.shape, folder)
    with Ledger.open(ledger) as opened:
        run = opened.run(measured.address)
        if run is None:
            row = ledger_run(trunk, measured, study=study, role="final", dataset=dataset, folder=folder)
            row.layout = str(layout)
            run = opened.record_run(row)
    other = _run_of(out / MODEL)
    if other not in (None, run.id):
        watch.say(f"{out / MODEL}: in the place of the model of run {other}; name another --out to keep both")
    task.save(model.eval(), dataset, out / MODEL, model_card(run, task.loss_unit, made_from))
    return run


def _run_of(model: Path) -> str | None:
    """The run whose model lies in a folder, as its card says."""
    try:
        found: str | None = json.loads((model / "card.json").read_text()).get("run")
    except (OSError, ValueError, AttributeError):
        return None
    return found


def _unit(task: Trainable) -> str:
    return f"{task.loss_unit.rpartition('/')[2]}s"


class _Steps:
    """A training's steps as the watch's progress."""

    def __init__(self, watch: Watch, unit: str) -> None:
        self._watch, self._unit = watch, unit

    def step(self, step: int, total: int, loss: float, tokens_per_second: float) -> None:
        """Hands a step on."""
        self._watch.progress(step, total, f"loss {loss:.3f}  {tokens_per_second:,.0f} {self._unit}")

    def say(self, text: str) -> None:
        """Hands it on."""
        self._watch.say(text)

    def warn(self, text: str) -> None:
        """Hands it on."""
        self._watch.warn(text)
