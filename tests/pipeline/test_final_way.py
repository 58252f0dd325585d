"""The final run of a project is computed the fastest way, and its plan counts on that."""

from types import SimpleNamespace

import numpy as np
import pytest

from scalewright.architectures import LlamaFamily
from scalewright.documents import Reason
from scalewright.errors import WorkError
from scalewright.laws import Supply, fit
from scalewright.ledger import Ledger
from scalewright.machines.host import CpuTime
from scalewright.machines.speed import MeasuredSpeed, Speed
from scalewright.machines.way import Way
from scalewright.pipeline.final_way import FinalWay, final_trunk, find_way
from scalewright.pipeline.plan import MARGIN, Grounds
from scalewright.pipeline.watch import Silent
from scalewright.planning import Recipe, choose, memory_bytes
from scalewright.tasks.language import Language
from scalewright.training import tuning

FAMILY = LlamaFamily(vocabulary=1024, context=128)
REASON = Reason(origin="measured", text="here")


@pytest.fixture(scope="module")
def grounds():
    """A budget of 1,000 s on a machine of 100 GFLOP/s, its law without a seed's noise."""
    N, D = (grid.ravel() for grid in np.meshgrid([6e4, 1.2e5, 2.4e5, 4.8e5], [4e5, 8e5, 1.6e6, 3.2e6]))
    points = tuple(
        MeasuredSpeed(flops_per_token=cost, tokens_per_second=1e11 / cost, spread=0.01, steps=5) for cost in (1e4, 1e10)
    )
    return Grounds(
        task=Language(),
        law=fit(N, D, 1.8 + 60 * N**-0.4 + 300 * D**-0.42, forms="chinchilla", bootstrap=20),
        machine=SimpleNamespace(memory_bytes=10**10, grain=lambda precision: 32),
        dataset=SimpleNamespace(manifest=SimpleNamespace(vocabulary=1024, supply=Supply((10**12,)))),
        ladder=SimpleNamespace(context=128, batch_size=32),
        speed=Speed(precision="bf16", threads=2, beside=0, batch_size=32, points=points),
        drift=0.9,
        seconds=1000.0,
        flops=None,
    )


def way(share=1.0, startup=0.0, **changes):
    return FinalWay(way=Way(threads=2, **changes), share=share, startup_seconds=startup, reason=REASON)


def test_what_a_way_saves_buys_tokens_and_what_it_compiles_costs_some(grounds):
    usual, faster = (
        {each.params: each for each in grounds.front(found)} for found in (way(), way(0.5, 100.0, compiled=True))
    )
    assert usual.keys() == faster.keys()
    for params, each in usual.items():
        step = 32 * 128
        assert each.tokens == pytest.approx(MARGIN * 1000 * 0.9e11 / each.shape.train_flops_per_token, abs=step)
        assert faster[params].tokens == pytest.approx(
            each.tokens * (MARGIN * 1000 - 100) / (MARGIN * 1000) / 0.5, abs=2 * step
        )
        assert faster[params].seconds == pytest.approx(MARGIN * 1000, rel=0.01)
    assert choose(grounds.front(way(0.5)))[0].params >= choose(grounds.front(way()))[0].params


def test_memory_is_that_of_the_way(grounds):
    shape = FAMILY.shape(64)
    assert grounds.needed_bytes(shape, way(accumulation=4)) == memory_bytes(shape, 8, "bf16")
    assert grounds.needed_bytes(shape, way(compiled=True)) == memory_bytes(shape, 32, "bf16", compiled=True)


def test_widths_are_those_that_the_machine_multiplies_fast(grounds):
    widths = [each.shape.width for each in grounds.front(way())]
    assert {width % 32 for width in widths if width >= 256} == {0}
    assert {width % 32 for width in widths if width < 256} == {0, 16}


def test_no_time_is_left_where_compiling_takes_it_all(grounds):
    with pytest.raises(WorkError, match="no model fits"):
        grounds.front(way(startup=MARGIN * 1000))


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project's ledger and its long final run; steps take half of the time in blocks and a quarter of that compiled."""
    monkeypatch.setattr(CpuTime, "taken_by_others_since", lambda self, *since: 0.0)
    timed = []

    def step_seconds(way, *about):
        timed.append(way)
        return 0.04 * (0.5 if way.attention == "blocks" else 1.0) * (0.25 if way.compiled else 1.0)

    monkeypatch.setattr(tuning, "_step_seconds", step_seconds)
    recipe = Recipe(learning_rate=1e-3, base_width=64, base_depth=2, batch_size=32, warmup_steps=10, precision="bf16")
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        at = SimpleNamespace(task=Language(), project=SimpleNamespace(seed=0), ledger=ledger, watch=Silent())
        yield at, recipe, timed


def test_what_is_fastest_is_found_once_and_remembered(project):
    at, recipe, timed = project
    trunk = final_trunk(at, FAMILY.shape(64), recipe, "data", 100_000, 2)
    found = find_way(at, trunk, None)
    assert (found.way.attention, found.way.compiled) == ("blocks", True)
    assert found.share == pytest.approx(0.125)
    asked = len(timed)
    again = find_way(at, trunk, None)
    assert len(timed) == asked
    assert (again.way, again.share) == (found.way, pytest.approx(0.125))
    # Compiled once more, in a process of its own.
    assert again.startup_seconds > 0


def test_a_short_run_is_trained_as_it_was_timed(project):
    at, recipe, timed = project
    found = find_way(at, final_trunk(at, FAMILY.shape(64), recipe, "data", 20, 2), None)
    assert (found.way, found.share, found.startup_seconds) == (Way(threads=2), 1.0, 0.0)
    assert "no other way was found out" in found.reason.text
    assert len(timed) == 1
