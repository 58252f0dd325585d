"""Progress told to a tracker: which steps, at what cost, through kills."""

import time

import pytest

from scalewright.ledger import Ledger
from scalewright.tasks import task_named
from scalewright.training import train
from scalewright.training.trackers import LedgerTracker, Several, Tracked, Tracker, tracked, tracker_named

from ..kills import KillAt, KilledError
from .trackers import tensorboard_run

LANGUAGE = task_named("language")
CONFIGURATION = {"width": 32}


class Noted(Tracker):
    """Keeps what it is told; each step takes it so many seconds."""

    def __init__(self, seconds=0.0):
        self.seconds, self.steps, self.values, self.ends, self.begins = seconds, [], [], [], []

    def begin(self, run, configuration):
        self.begins.append((run, dict(configuration)))

    def log(self, step, values):
        time.sleep(self.seconds)
        self.steps.append(step)
        self.values.append(dict(values))

    def end(self, status, metrics):
        self.ends.append((status, dict(metrics)))


def told(total, first=1, **settings):
    noted = Noted()
    with Tracked(noted, "a", CONFIGURATION, **settings) as progress:
        for step in range(first, total + 1):
            progress.step(step, total, 1.0, 10.0)
    return noted


def test_what_is_told():
    noted = told(2, learning_rate=lambda step: 0.1 * (step + 1))
    assert noted.begins == [("a", CONFIGURATION)]
    assert noted.values == [
        {"train_loss": 1.0, "tokens_per_second": 10.0, "learning_rate": 0.1},
        {"train_loss": 1.0, "tokens_per_second": 10.0, "learning_rate": 0.2},
    ]
    assert noted.ends == [("finished", {})]
    assert "learning_rate" not in told(1).values[0]


def test_the_same_steps_wherever_it_is_gone_on_with(monkeypatch):
    monkeypatch.setattr(tracked, "SHARE", float("inf"))
    assert told(25, every=10).steps == [1, 10, 20, 25]
    assert told(25, first=13, every=10).steps == [13, 20, 25]
    assert len(told(100_000).steps) == pytest.approx(2000, rel=0.01)


def test_a_slow_tracker_takes_a_hundredth_of_the_time():
    noted = Noted(seconds=0.002)
    began = time.perf_counter()
    with Tracked(noted, "a", CONFIGURATION, every=1) as progress:
        for step in range(1, 1001):
            time.sleep(0.001)
            progress.step(step, 1000, 1.0, 10.0)
    seconds = time.perf_counter() - began
    assert noted.steps[0] == 1
    assert noted.steps[-1] == 1000
    # One call, of the step at which the share is used up, goes beyond it; the first and the last are told in any case.
    assert 3 <= len(noted.steps) <= 0.01 * seconds / 0.002 + 3


def test_a_run_that_tells_nothing_is_not_begun():
    noted = Noted()
    with Tracked(noted, "a", CONFIGURATION):
        pass
    assert (noted.begins, noted.ends) == ([], [])
    with Tracked(noted, "a", CONFIGURATION) as progress:
        progress.finish({"validation_loss": 2.0})
    assert (noted.begins, noted.ends) == ([("a", CONFIGURATION)], [("finished", {"validation_loss": 2.0})])


def test_a_run_that_fails_is_ended_so():
    noted = Noted()

    def run():
        with Tracked(noted, "a", CONFIGURATION, progress=KillAt(3)) as progress:
            for step in range(1, 10):
                progress.step(step, 10, 1.0, 10.0)

    with pytest.raises(KilledError):
        run()
    assert noted.ends == [("failed", {})]
    assert noted.steps == [1, 2]


def test_training_killed_and_resumed_tells_what_an_undisturbed_one_does(trunk, dataset, tmp_path, monkeypatch):
    """Each step once, with the very loss, in the ledger and in TensorBoard."""
    pytest.importorskip("tensorboard")
    monkeypatch.setattr("scalewright.ledger.metric_log.BUNDLE_SECONDS", 0.0)
    monkeypatch.setattr(tracked, "SHARE", float("inf"))
    one = trunk((20,))
    run = one.run_address(20)
    rate = one.recipe.learning_rate

    def track(name, kills):
        for steps in kills:
            with pytest.raises(KilledError):
                trained(name, KillAt(steps))
        trained(name, None)

    def trained(name, progress):
        place = tmp_path / name
        with Ledger.open(place / "ledger.db") as ledger:
            tracker = Several(LedgerTracker(ledger), tracker_named("tensorboard:logs", base=place))
            with Tracked(
                tracker,
                run,
                CONFIGURATION,
                progress=progress,
                learning_rate=lambda step: rate * one.schedule(20).factor(step),
            ) as watch:
                (measured,) = train(one, LANGUAGE, dataset, place, checkpoint_seconds=0, progress=watch)
                watch.finish({"validation_loss": measured.loss})

    def kept(name):
        with Ledger.open(tmp_path / name / "ledger.db") as ledger:
            return {
                (metric.step, metric.name): metric.value
                for metric in ledger.metrics(run)
                if metric.name != "tokens_per_second"
            }

    track("calm", ())
    track("disturbed", (7, 3, 5))
    assert kept("disturbed") == kept("calm")
    assert {step for step, _ in kept("calm")} == set(range(1, 21))
    assert kept("calm")[1, "learning_rate"] == pytest.approx(rate / 3)
    assert kept("calm")[20, "learning_rate"] == pytest.approx(rate / 4)
    _, shown = tensorboard_run(tmp_path / "disturbed" / "logs" / run)
    losses = [value for (_, name), value in sorted(kept("calm").items()) if name == "train_loss"]
    assert shown["train_loss"] == [(step, pytest.approx(loss)) for step, loss in enumerate(losses, 1)]
    assert shown["final/validation_loss"][0][0] == 20
