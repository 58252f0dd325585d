"""Each tracker, asked by its own tool for what it was told."""

import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from scalewright.errors import InputError
from scalewright.ledger import Ledger
from scalewright.training.trackers import Forgiving, LedgerTracker, NoTracker, Several, Tracker, tracker_named
from scalewright.training.trackers import named as names

from .trackers import DAY, mlflow_run, tensorboard_run, wandb_run

RUN = "0123456789abcdef"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    """Connections to anywhere but this machine fail, and are seen to."""
    connect = socket.socket.connect

    def only_here(self, address):
        assert self.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "::1", "localhost"), address
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", only_here)
    for name in ("WANDB_MODE", "WANDB_API_KEY", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    # Of programs that trackers start, which no patch here reaches.
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")


def killed_and_resumed(make):
    """Told of steps 1 to 4 and killed; gone on with from step 3 on, and finished."""
    first = make()
    first.begin(RUN, DAY)
    for step in range(1, 5):
        first.log(step, {"train_loss": 1 / step, "tokens_per_second": 100.0})
    with make() as second:
        second.begin(RUN, DAY)
        for step in range(3, 7):
            second.log(step, {"train_loss": 1 / step, "tokens_per_second": 200.0})
        second.end("finished", {"validation_loss": 0.25})
    return first


LOSSES = [(step, 1 / step) for step in range(1, 7)]


def test_mlflow(tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    from scalewright.training.trackers import mlflow

    monkeypatch.setattr(mlflow, "BUNDLE_SECONDS", 0.0)  # a kill loses nothing
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    killed_and_resumed(lambda: tracker_named("mlflow:sqlite:///mlflow.db", study="novels", base=tmp_path))
    run, told = mlflow_run(uri, "novels", RUN)
    assert (run.info.status, run.info.run_name) == ("FINISHED", RUN)
    assert run.data.params == {name: str(value) for name, value in DAY.items()}
    assert told["train_loss"] == LOSSES
    # Steps that were told before the kill keep what was told of them then.
    assert told["tokens_per_second"] == [(step, 100.0 if step < 5 else 200.0) for step in range(1, 7)]
    assert told["final/validation_loss"] == [(6, 0.25)]
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        assert database.execute("select count(*) from metrics where key = 'train_loss'").fetchone() == (6,)
        assert database.execute("select count(*) from runs").fetchone() == (1,)
    # Ended once more, as after a kill between the end and the note of it: nothing is told twice.
    with tracker_named(f"mlflow:{uri}", study="novels") as again:
        again.begin(RUN, DAY)
        again.end("finished", {"validation_loss": 0.25})
    assert mlflow_run(uri, "novels", RUN)[1]["final/validation_loss"] == [(6, 0.25)]
    # Bundles of MLflow have at most 1,000 metrics, and 100 parameters.
    with tracker_named(f"mlflow:{uri}", study="novels") as long:
        monkeypatch.setattr(mlflow, "BUNDLE_SECONDS", 60.0)
        long.begin("beef", {f"name{number}": number for number in range(150)})
        for step in range(1, 401):
            long.log(step, {"a": 1.0, "b": 2.0, "c": 3.0})
        long.end("failed", {})
    run, told = mlflow_run(uri, "novels", "beef")
    assert (len(run.data.params), run.info.status) == (150, "FAILED")
    assert [len(told[name]) for name in "abc"] == [400, 400, 400]


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")

    def a_second_later():
        time.sleep(1.1)  # tensorboard names its files by the second, and reads them in the order of their names
        return tracker_named("tensorboard:logs", base=tmp_path)

    first = killed_and_resumed(a_second_later)
    first._writer.close()  # what the killed process had written is on disk by then
    events, told = tensorboard_run(tmp_path / "logs" / RUN)
    assert told["train_loss"] == [(step, pytest.approx(loss)) for step, loss in LOSSES]
    # TensorBoard itself leaves out what was told of steps from 3 on before the kill.
    assert told["tokens_per_second"] == [(step, 100.0 if step < 3 else 200.0) for step in range(1, 7)]
    assert told["final/validation_loss"] == [(6, 0.25)]
    (text,) = events.Tensors("configuration/text_summary")
    assert "| recipe.learning_rate | 0.01 |" in text.tensor_proto.string_val[0].decode()
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    chosen = HParamsPluginData.FromString(events.summary_metadata["_hparams_/session_start_info"].plugin_data.content)
    hparams = chosen.session_start_info.hparams
    assert hparams["recipe.learning_rate"].number_value == 0.01
    assert hparams["optimiser"].string_value == "adamw"
    assert hparams["unique_tokens"].string_value == "none"


def test_wandb_offline(tmp_path):
    pytest.importorskip("wandb")
    tracker = tracker_named("wandb:trials", study="novels", base=tmp_path)
    tracker.begin(RUN, DAY)
    for step in range(1, 3001):
        tracker.log(step, {"train_loss": 1 / step})
    tracker.end("failed", {})
    time.sleep(1.1)  # wandb names its folders by the second
    with tracker as again:
        again.begin(RUN, DAY)
        again.log(3000, {"train_loss": 1 / 3000})
        again.log(3001, {"train_loss": 1 / 3001})
        again.end("finished", {"validation_loss": 0.25})
    first, second = sorted((tmp_path / "wandb").glob(f"offline-run-*/run-{RUN}.wandb"))
    run, configuration, told, _, codes = wandb_run(first)
    assert (run.run_id, run.project, run.run_group) == (RUN, "trials", "novels")
    assert {name: configuration[name] for name in DAY} == DAY
    assert told["train_loss"] == [(step, 1 / step) for step in range(1, 3001)]
    assert codes == [1]
    run, _, told, summary, codes = wandb_run(second)
    assert run.run_id == RUN
    assert told["train_loss"] == [(3000, 1 / 3000), (3001, 1 / 3001)]
    assert (summary["final/validation_loss"], codes) == (0.25, [0])


def test_ledger(tmp_path):
    path = tmp_path / "ledger.db"
    killed_and_resumed(lambda: tracker_named("ledger:ledger.db", base=tmp_path))
    with Ledger.open(path) as ledger:
        told = {(one.step, one.name): one.value for one in ledger.metrics(RUN)}
    # The killed one's bundle was not written: a bundle is at most five seconds.
    assert told == {(step, "train_loss"): 1 / step for step in range(3, 7)} | {
        (step, "tokens_per_second"): 200.0 for step in range(3, 7)
    } | {(6, "final/validation_loss"): 0.25}


def test_the_ledger_keeps_the_last_step_and_what_comes_after_it(tmp_path, monkeypatch):
    """Each step in a bundle of its own: the last metrics, of the same step, do not take the place of the step's."""
    monkeypatch.setattr("scalewright.ledger.metric_log.BUNDLE_SECONDS", 0.0)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        killed_and_resumed(lambda: LedgerTracker(ledger))
        told = [(one.step, one.value) for one in ledger.metrics(RUN, "train_loss")]
        speeds = [one.value for one in ledger.metrics(RUN, "tokens_per_second")]
        (final,) = ledger.metrics(RUN, "final/validation_loss")
    assert told == LOSSES
    assert speeds == [100.0, 100.0, 200.0, 200.0, 200.0, 200.0]
    assert (final.step, final.value) == (6, 0.25)


class Heard(Tracker):
    def __init__(self, fails=()):
        self.calls, self.fails = [], fails

    def _hear(self, call):
        self.calls.append(call)
        if call[0] in self.fails:
            raise OSError("no route\nto host")

    def begin(self, run, configuration):
        self._hear(("begin", run))

    def log(self, step, values):
        self._hear(("log", step))

    def end(self, status, metrics):
        self._hear(("end", status))


def test_several_hear_the_same():
    one, other = Heard(), Heard()
    with Several(one, NoTracker(), other) as both:
        both.begin(RUN, DAY)
        both.log(1, {"a": 1.0})
    assert one.calls == other.calls == [("begin", RUN), ("log", 1), ("end", "finished")]
    failing = Heard(fails=("end",))
    with pytest.raises(OSError, match="no route"):
        Several(failing, one).end("finished", {})
    assert one.calls[-1] == ("end", "finished")


@pytest.mark.parametrize("kind", [(RuntimeError, "failed"), (KeyboardInterrupt, "stopped"), (SystemExit, "stopped")])
def test_an_exception_ends_the_run(kind):
    error, status = kind
    heard = Heard()
    heard.begin(RUN, DAY)
    with pytest.raises(error), heard:
        raise error
    assert heard.calls == [("begin", RUN), ("end", status)]


@pytest.mark.parametrize("fails", ["begin", "log", "end"])
def test_a_failing_tracker_is_a_warning_once(fails):
    said, heard = [], Heard(fails=(fails,))
    tracker = Forgiving(heard, "mlflow:http://there", said.append)
    tracker.begin(RUN, DAY)
    for step in range(3):
        tracker.log(step, {"a": 1.0})
    tracker.end("finished", {})
    (warning,) = said
    assert warning.startswith("tracker mlflow:http://there: no route: ")
    assert sum(call[0] == fails for call in heard.calls) == 1
    assert heard.calls[-1][0] == fails


def test_an_mlflow_server_that_is_not_there_is_said_soon(monkeypatch):
    pytest.importorskip("mlflow")
    for name in ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    said = []
    began = time.monotonic()
    Forgiving(tracker_named("mlflow:http://127.0.0.1:9"), "mlflow:http://127.0.0.1:9", said.append).begin(RUN, DAY)
    assert "127.0.0.1" in said[0]
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("name", ["comet:x", "mlflow", "tensorboard:", "wandb", "none:x", ""])
def test_unknown_trackers_are_answered_with_the_choices(name):
    with pytest.raises(
        InputError, match=r"expected one of mlflow:URI, tensorboard:FOLDER, wandb:PROJECT, ledger:PATH, none"
    ):
        tracker_named(name)


def test_mlflow_needs_a_uri():
    with pytest.raises(
        InputError, match=r"'mlflow:runs.db': runs.db is no URI: expected one such as mlflow:sqlite:///"
    ):
        tracker_named("mlflow:runs.db")


@pytest.mark.parametrize("name", ["mlflow:sqlite:///a.db", "tensorboard:logs", "wandb:trials"])
def test_a_missing_package_is_named_with_its_extra(name, monkeypatch):
    monkeypatch.setattr(names, "find_spec", lambda package: None)
    package = name.partition(":")[0]
    with pytest.raises(InputError, match=rf"{package} is not installed: install scalewright\[trackers\]"):
        tracker_named(name)
    assert isinstance(tracker_named("none"), NoTracker)


def test_no_package_is_loaded_before_its_run_begins():
    program = (
        "import sys; from scalewright.training.trackers import tracker_named\n"
        "for name in ('mlflow:sqlite:///a.db', 'tensorboard:a', 'wandb:a', 'ledger:a'):\n"
        "    tracker_named(name).end('finished', {})\n"
        "print([name for name in ('mlflow', 'tensorboard', 'wandb') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
