"""The tuner: what it changes, when it believes a timing, and that the results stay the same."""

import pytest

from scalewright.ledger import Ledger
from scalewright.machines.host import CpuTime
from scalewright.machines.way import Way
from scalewright.pipeline.processes import Started
from scalewright.pipeline.tuned import tuned
from scalewright.pipeline.watch import Silent
from scalewright.planning.machine_plan import Layout
from scalewright.tasks.language import Language
from scalewright.training import train, tuning
from scalewright.training.tuning import going, tune, way_of

LONG = (40_000,)


@pytest.fixture
def timed(monkeypatch):
    """Puts formulas in the place of timings: `timed(seconds)` of a way, in turn; lists the ways that were timed. The machine
    is the test's own, whatever else runs on it."""
    asked = []
    monkeypatch.setattr(CpuTime, "taken_by_others_since", lambda self, *since: 0.0)

    def put(seconds):
        def step_seconds(way, *about):
            asked.append(way)
            return seconds(way, len(asked))

        monkeypatch.setattr(tuning, "_step_seconds", step_seconds)
        return asked

    return put


@pytest.fixture
def long(trunk):
    """Trunks of 64 positions, which blocks divide: `long(**changes)`."""

    def make(horizons=LONG, **changes):
        asked = trunk(horizons, **changes)
        return asked.model_copy(update={"shape": asked.shape.model_copy(update={"context": 64})})

    return make


def about(tmp_path):
    return {
        "layout": Layout.alone(threads=1), "device": "cpu", "ledger": tmp_path / "ledger.db", "watch": Silent(),
        "started": Started(1, 1, True), "measure": True,
    }  # fmt: skip


def chosen(trunk, dataset, **changes):
    asked = trunk(**changes)
    return tune(asked, Language(), dataset, "cpu", Layout.alone(threads=asked.threads))


def test_each_thing_is_changed_where_it_saves_time(long, dataset, timed):
    def seconds(way, number):
        return (
            (0.8 if way.threads == 2 else 1.0)
            * (0.7 if way.attention == "blocks" else 0.9 if way.attention == "fused" else 1.0)
            * (0.9 if way.accumulation == 2 else 1.0)
            * (0.5 if way.compiled else 1.0)
        )

    timed(seconds)
    found = chosen(long, dataset, threads=4)
    assert found.way == Way(threads=2, attention="blocks", accumulation=2, compiled=True)
    assert found.saved == pytest.approx(1 - 0.8 * 0.7 * 0.9 * 0.5)


def test_what_is_fastest_eager_need_not_be_when_compiled(long, dataset, timed):
    def seconds(way, number):
        slow = 1.2 if way.compiled else 0.8
        return (0.5 if way.compiled else 1.0) * (slow if way.attention == "fused" else 1.0)

    timed(seconds)
    assert chosen(long, dataset).way == Way(threads=1, compiled=True)
    # 667 s in all: long enough for compiling once, and not for three times.
    timed(lambda way, number: seconds(way, number) / 60)
    short = chosen(long, dataset)
    assert short.way == Way(threads=1, attention="fused", compiled=True)
    assert sum(way.compiled for way, _ in short.tried) == 1


def test_what_saves_less_than_the_scatter_is_left(long, dataset, timed):
    timed(lambda way, number: 1.0 if way.attention == "usual" and not way.compiled else 0.98)
    assert chosen(long, dataset).way == Way(threads=1)


def test_a_machine_that_becomes_faster_is_not_taken_for_a_faster_way(long, dataset, timed):
    """From the second timing on everything takes half of the time: the first comparison is wrong unless it is made again."""
    asked = timed(lambda way, number: 1.0 if number == 1 else 0.5)
    assert chosen(long, dataset).way == Way(threads=1)
    assert asked.count(Way(threads=1)) == 2


def test_short_trainings_are_not_tuned_and_not_compiled(long, dataset, timed):
    asked = timed(lambda way, number: 1e-9)
    assert chosen(long, dataset, horizons=(20,)) is None
    assert len(asked) == 1
    # 40,000 steps of 5 ms: 200 s, less than ten times what compiling takes.
    asked = timed(lambda way, number: 5e-3)
    assert chosen(long, dataset) is not None
    assert not any(way.compiled for way in asked)


def test_the_time_for_it_is_bounded(long, dataset, timed, monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr(tuning.time, "perf_counter", lambda: next(clock))
    # 20,000 steps of 0.01 s: 4 s for the tuner; each look at the clock takes one of them, and a way wants another.
    asked = timed(lambda way, number: 0.01)
    found = chosen(long, dataset, horizons=(20_000,), threads=4)
    assert len(asked) == 3
    assert not found.whole
    everything = timed(lambda way, number: 100.0)
    assert chosen(long, dataset, threads=4).whole
    assert len(everything) == 3 + 8


@pytest.mark.parametrize(
    "change", [{"attention": "blocks"}, {"attention": "fused"}, {"loss_parts": 3}, {"accumulation": 2}]
)
def test_another_way_is_the_same_training(long, dataset, tmp_path, change):
    asked, alone = long((20,)), Layout.alone()
    (usual,) = train(asked, Language(), dataset, tmp_path / "usual", layout=alone)
    other, layout = going(way_of(asked, alone).model_copy(update=change), asked, alone)
    (changed,) = train(other, Language(), dataset, tmp_path / "other", layout=layout)
    assert changed.loss == pytest.approx(usual.loss, rel=1e-5)
    # Sums in another order are another run; micro-batches may change when memory runs short, and are none.
    assert (changed.address == usual.address) == ("accumulation" in change)


def test_real_steps_are_timed(long, dataset, monkeypatch):
    monkeypatch.setattr(tuning, "_SECONDS", 0.0)
    monkeypatch.setattr(tuning, "SHARE", 1.0)
    monkeypatch.setattr(tuning, "_COMPILE_PAYS", 10**9)
    found = chosen(long, dataset)
    assert {way.attention for way, _ in found.tried} == {"usual", "blocks", "fused"}
    assert all(0 < seconds < 10 for _, seconds in found.tried)


def test_where_nothing_compiles_training_is_eager(long, dataset, monkeypatch):
    class WithoutCompiler(tuning.Trainer):
        def advance(self, schedule):
            if self.trunk.compiled:
                raise RuntimeError("no C++ compiler")
            return super().advance(schedule)

    monkeypatch.setattr(tuning, "Trainer", WithoutCompiler)
    monkeypatch.setattr(tuning, "_SECONDS", 0.0)
    monkeypatch.setattr(tuning, "_COMPILE_PAYS", 0)
    found = chosen(long, dataset)
    assert not found.way.compiled
    assert not any(way.compiled for way, _ in found.tried)


def test_a_busy_machine_tells_nothing(long, dataset, tmp_path, timed, monkeypatch):
    timed(lambda way, number: 0.5 if way.attention == "blocks" else 1.0)
    monkeypatch.setattr(CpuTime, "taken_by_others_since", lambda self, *since: 0.3)
    told = []
    monkeypatch.setattr(Silent, "warn", lambda self, text: told.append(text))
    asked = long()
    found, _ = tuned(asked, Language(), dataset, tmp_path, **about(tmp_path))
    assert found == asked
    assert "others took 30% of the processor" in told[0]
    # And nothing of it is remembered.
    monkeypatch.setattr(CpuTime, "taken_by_others_since", lambda self, *since: 0.0)
    assert tuned(asked, Language(), dataset, tmp_path / "later", **about(tmp_path))[0].attention == "blocks"


def test_a_choice_is_remembered_by_machine_and_shape_and_frozen_beside_its_run(long, dataset, tmp_path, timed):
    def ask(out, **changes):
        found, _ = tuned(long(**changes), Language(), dataset, tmp_path / out, **about(tmp_path))
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


def test_what_was_compiled_for_long_trainings_is_eager_in_short_ones(long, dataset, tmp_path, timed):
    timed(lambda way, number: 0.01 if way.compiled else 0.05)
    first, _ = tuned(long((90_000,)), Language(), dataset, tmp_path / "first", **about(tmp_path))
    assert first.compiled
    # 10,000 such steps: 100 s, less than ten times what compiling takes.
    second, _ = tuned(long((10_000,)), Language(), dataset, tmp_path / "second", **about(tmp_path))
    assert not second.compiled


def test_the_fastest_of_the_eager_ways_takes_the_place_of_a_compiled_one(long, dataset, tmp_path, timed):
    timed(
        lambda way, number: (
            (0.02 if way.compiled else 0.05) * (1.0 if (way.attention == "blocks") is way.compiled else 1.2)
        )
    )
    first, _ = tuned(long((90_000,)), Language(), dataset, tmp_path / "first", **about(tmp_path))
    assert (first.compiled, first.attention) == (True, "blocks")
    second, _ = tuned(long((10_000,)), Language(), dataset, tmp_path / "second", **about(tmp_path))
    assert (second.compiled, second.attention) == (False, "usual")


def test_a_run_goes_on_as_it_was_begun_on_any_number_of_processes(long, dataset, tmp_path, timed):
    timed(lambda way, number: 0.5 if way.attention == "blocks" else 1.0)
    begun, _ = tuned(long(threads=4), Language(), dataset, tmp_path, **about(tmp_path))
    two = about(tmp_path) | {"measure": False, "layout": Layout.alone(threads=2)}
    later, layout = tuned(long(threads=2), Language(), dataset, tmp_path, **two)
    assert later.address == begun.address
    assert layout.threads == 4
    another, _ = tuned(long(threads=2, seed=1), Language(), dataset, tmp_path, **two)
    assert another == long(threads=2, seed=1)


def test_a_run_goes_on_in_the_micro_batches_that_are_asked_for_now(long, dataset, tmp_path, timed):
    # After it ran out of memory, for one: still the same run.
    timed(lambda way, number: 0.5 if way.attention == "blocks" else 1.0)
    begun, _ = tuned(long(), Language(), dataset, tmp_path, **about(tmp_path))
    timed(lambda way, number: 0.5 if way.attention == "fused" else 1.0)
    smaller = Layout.alone(threads=1).model_copy(update={"accumulation": 4, "recompute": "all"})
    later, layout = tuned(long(), Language(), dataset, tmp_path, **about(tmp_path) | {"layout": smaller})
    assert later == begun != long()
    assert (layout.accumulation, layout.recompute) == (4, "all")


def test_several_processes_keep_their_threads_and_micro_batches(long, dataset, timed):
    several = Layout.alone(threads=4).model_copy(update={"devices": 2, "data": 2, "micro_batch": 2})
    way = Way(threads=2, attention="fused", accumulation=4, compiled=True)
    trunk, layout = going(way, long(threads=4), several)
    assert (trunk.attention, trunk.compiled, layout.compiled) == ("fused", True, True)
    assert (layout.threads, layout.accumulation, layout.micro_batch) == (4, 1, 2)
