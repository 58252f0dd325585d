"""The tuner: what it changes, when it believes a timing, and that the results stay the same."""

import pytest

from scalewright.ledger import Ledger
from scalewright.pipeline.tuned import tuned
from scalewright.pipeline.watch import Silent
from scalewright.planning.machine_plan import Layout
from scalewright.tasks.language import Language
from scalewright.training import train, tuning
from scalewright.training.tuning import Way, going, tune, way_of

LONG = (40_000,)


@pytest.fixture
def timed(monkeypatch):
    """Puts formulas in the place of timings: `timed(seconds)` of a way, in turn; lists the ways that were timed."""
    asked = []

    def put(seconds):
        def step_seconds(way, *about):
            asked.append(way)
            return seconds(way, len(asked))

        monkeypatch.setattr(tuning, "_step_seconds", step_seconds)
        return asked

    return put


def chosen(trunk, dataset, **changes):
    asked = trunk(changes.pop("horizons", LONG), **changes)
    return tune(asked, Language(), dataset, "cpu", Layout.alone(threads=asked.threads))


def test_each_thing_is_changed_where_it_saves_time(trunk, dataset, timed):
    def seconds(way, number):
        return (
            (0.8 if way.threads == 2 else 1.0)
            * (0.7 if way.attention == "blocks" else 0.9 if way.attention == "fused" else 1.0)
            * (0.9 if way.accumulation == 2 else 1.0)
            * (0.5 if way.compiled else 1.0)
        )

    timed(seconds)
    found = chosen(trunk, dataset, threads=4)
    assert found.way == Way(threads=2, attention="blocks", accumulation=2, compiled=True)
    assert found.saved == pytest.approx(1 - 0.8 * 0.7 * 0.9 * 0.5)


def test_what_saves_less_than_the_scatter_is_left(trunk, dataset, timed):
    timed(lambda way, number: 1.0 if way.attention == "usual" and not way.compiled else 0.98)
    assert chosen(trunk, dataset).way == Way(threads=1)


def test_a_machine_that_becomes_faster_is_not_taken_for_a_faster_way(trunk, dataset, timed):
    """From the second timing on everything takes half of the time: the first comparison is wrong unless it is made again."""
    asked = timed(lambda way, number: 1.0 if number == 1 else 0.5)
    assert chosen(trunk, dataset).way == Way(threads=1)
    assert asked.count(Way(threads=1)) == 2


def test_short_trainings_are_not_tuned_and_not_compiled(trunk, dataset, timed):
    asked = timed(lambda way, number: 1e-9)
    assert chosen(trunk, dataset, horizons=(20,)) is None
    assert len(asked) == 1
    # 40,000 steps of 5 ms: 200 s, less than ten times what compiling takes.
    asked = timed(lambda way, number: 5e-3)
    assert chosen(trunk, dataset) is not None
    assert not any(way.compiled for way in asked)


def test_the_time_for_it_is_bounded(trunk, dataset, timed, monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr(tuning.time, "perf_counter", lambda: next(clock))
    # 40,000 steps of 0.01 s: 8 s for the tuner, each look at the clock takes one of them.
    asked = timed(lambda way, number: 0.01)
    chosen(trunk, dataset)
    assert len(asked) < 8


@pytest.mark.parametrize(
    "change", [{"attention": "blocks"}, {"attention": "fused"}, {"loss_parts": 3}, {"accumulation": 2}]
)
def test_another_way_is_the_same_training(trunk, dataset, tmp_path, change):
    asked, alone = trunk((20,)), Layout.alone()
    (usual,) = train(asked, Language(), dataset, tmp_path / "usual", layout=alone)
    other, layout = going(way_of(asked, alone).model_copy(update=change), asked, alone)
    (changed,) = train(other, Language(), dataset, tmp_path / "other", layout=layout)
    assert changed.loss == pytest.approx(usual.loss, rel=1e-5)
    # Sums in another order are another run; micro-batches may change when memory runs short, and are none.
    assert (changed.address == usual.address) == ("accumulation" in change)


def test_real_steps_are_timed(trunk, dataset, monkeypatch):
    monkeypatch.setattr(tuning, "_SECONDS", 0.0)
    monkeypatch.setattr(tuning, "SHARE", 1.0)
    monkeypatch.setattr(tuning, "_COMPILE_PAYS", 10**9)
    found = chosen(trunk, dataset)
    assert {way.attention for way, _ in found.tried} == {"usual", "blocks", "fused"}
    assert all(0 < seconds < 10 for _, seconds in found.tried)


def test_a_choice_is_remembered_by_machine_and_shape_and_frozen_beside_its_run(trunk, dataset, tmp_path, timed):
    def ask(out, **changes):
        asked = trunk(LONG, **changes)
        about = {
            "layout": Layout.alone(threads=1),
            "device": "cpu",
            "ledger": tmp_path / "ledger.db",
            "watch": Silent(),
        }
        found, _ = tuned(asked, Language(), dataset, tmp_path / out, **about)
        return found.attention

    asked = timed(lambda way, number: 0.5 if way.attention == "blocks" else 1.0)
    assert ask("first") == "blocks"
    timings = len(asked)
    assert ask("second", seed=3) == "blocks"
    assert len(asked) == timings
    # Another shape is timed anew; a run that was begun goes on as it began, whatever is found later.
    timed(lambda way, number: 0.5 if way.attention == "fused" else 1.0)
    assert ask("third", width=48) == "fused"
    (tmp_path / "ledger.db").unlink()
    assert (ask("first"), ask("fourth")) == ("blocks", "fused")
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert ledger.tuning("nothing") is None
