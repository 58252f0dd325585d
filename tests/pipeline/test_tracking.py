"""The final run, told to the ledger and to whoever else is named: killed, gone on with, and finished once."""

from types import SimpleNamespace

import numpy as np
import pytest

from scalewright.architectures import LlamaFamily
from scalewright.data import prepare
from scalewright.errors import InputError
from scalewright.ledger import Ledger
from scalewright.machines.way import Way
from scalewright.pipeline.final import train_planned
from scalewright.pipeline.project import Project
from scalewright.pipeline.stages import Stages
from scalewright.pipeline.tracking import final_metrics, trackers_of
from scalewright.pipeline.watch import Silent
from scalewright.pipeline.workspace import Workspace
from scalewright.planning import Recipe
from scalewright.tasks import task_named
from scalewright.training import Measured

from ..kills import KilledError

STEPS = 12


class KillAt(Silent):
    """Ends the run at a step of its own, and keeps what it is warned of."""

    def __init__(self, step=None):
        self.at, self.warnings = step, []

    def warn(self, text):
        self.warnings.append(text)

    def progress(self, done, total, text):
        if done == self.at:
            raise KilledError


@pytest.fixture
def planned(tmp_path):
    """What `train_planned` reads of a planned project."""
    generator = np.random.default_rng(0)
    for number in range(20):
        text = "".join("".join(generator.choice(list("abcdefgh"), size=40)) + ".\n" for _ in range(20))
        (tmp_path / f"{number:02}.txt").write_text(text)
    dataset = prepare([tmp_path], tmp_path / "data", tokenizer="bytes")
    shape = LlamaFamily(vocabulary=dataset.manifest.vocabulary, context=32).shape(32)
    recipe = Recipe(learning_rate=0.01, base_width=32, base_depth=2, batch_size=4, warmup_steps=3)
    plan = SimpleNamespace(
        choice=SimpleNamespace(shape=shape, steps=STEPS, params=shape.params, tokens=STEPS * 4 * 32),
        seed=0, way=Way(threads=1), limit_seconds=None, tokens_per_second=1e4, mfu=0.5, hash="planhash",
        forecast=SimpleNamespace(value=2.0, low=1.5, high=2.5), forecast_seconds=SimpleNamespace(value=1.0),
    )  # fmt: skip
    return SimpleNamespace(plan=plan, recipe=recipe, dataset=dataset)


@pytest.fixture
def workspace(tmp_path):
    project = Project(name="novels", data=("text",), budget={"minutes": 1})
    with Ledger.open(tmp_path / "state" / "ledger.db") as ledger:
        yield lambda watch: Workspace(
            project, tmp_path, task_named("language"), ledger, Stages(tmp_path / "state"), watch
        )


def test_it_is_told_through_a_kill_and_once(workspace, planned, tmp_path):
    calm = workspace(KillAt())
    names = ("ledger:other.db",)
    with pytest.raises(KilledError):
        train_planned(workspace(at := KillAt(7)), planned, trackers_of(workspace(at), names))
    trunk, measured = train_planned(calm, planned, trackers_of(calm, names))
    with Ledger.open(tmp_path / "other.db") as other:
        told = {(metric.step, metric.name): metric.value for metric in calm.ledger.metrics(measured.address)}
        assert {(metric.step, metric.name): metric.value for metric in other.metrics(measured.address)} == told
    losses = {step: value for (step, name), value in told.items() if name == "train_loss"}
    assert {1, STEPS} <= losses.keys()
    assert losses[STEPS] < losses[1]
    assert told[STEPS, "final/validation_loss"] == measured.loss
    assert told[1, "learning_rate"] == pytest.approx(0.01 / 3)
    assert calm.ledger.tellers() == [measured.address] == [trunk.run_address(STEPS)]
    # The stage is done: nobody is told again.
    calm.stages.finish("train", [planned.plan.hash, measured.address])
    (tmp_path / "other.db").unlink()
    train_planned(calm, planned, trackers_of(calm, names))
    assert not (tmp_path / "other.db").exists()


def test_what_is_of_the_test_split_is_told_by_its_own_name():
    measured = Measured(
        address="run", horizon=5, tokens=100, loss=2.0, test_loss=2.1, metrics={"loss_a": 1.9, "test_loss_a": 2.2}, curve=(),
        flops=1.0, seconds=1.0, tokens_per_second=100.0, peak_memory_bytes=1,
    )  # fmt: skip
    told = final_metrics(measured)
    of_losses = {name: value for name, value in told.items() if "loss" in name}
    assert of_losses == {"validation_loss": 2.0, "test_loss": 2.1, "validation_loss_a": 1.9, "test_loss_a": 2.2}
    assert "test_loss" not in final_metrics(measured.model_copy(update={"test_loss": None}))


def test_a_tracker_that_fails_does_not_stop_it(workspace, planned, tmp_path):
    (tmp_path / "other.db").write_text("no database at all, but long enough to be looked at as one" * 10)
    watch = KillAt()
    at = workspace(watch)
    _, measured = train_planned(at, planned, trackers_of(at, ["ledger:other.db"]))
    (warning,) = watch.warnings
    assert warning.startswith("tracker ledger:other.db: ")
    assert at.ledger.tellers() == [measured.address]


def test_unknown_trackers_are_refused(workspace):
    with pytest.raises(InputError, match="expected one of mlflow:URI"):
        trackers_of(workspace(Silent()), ["comet:x"])
