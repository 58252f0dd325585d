"""Plans for a probed processor."""

import math
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scalewright.architectures import LlamaFamily
from scalewright.architectures.decoder import Decoder
from scalewright.errors import InputError, WorkError
from scalewright.machines.machine import Machine
from scalewright.machines.processor import ProcessorRates, compile_seconds, processor_step
from scalewright.planning import memory_bytes
from scalewright.planning.decide import plan_machine
from scalewright.planning.on_processor import FREE_MEMORY, OnProcessor, TimedRun
from scalewright.planning.published import law_and_size
from scalewright.planning.request import hardware
from scalewright.planning.search import Limits, Order, options

LAW, SIZE, _ = law_and_size("published:chinchilla")


def machine(memory: float = 24e9, **changes: object) -> Machine:
    product = {"shape": (512,) * 3, "size": 512, "spread": 0, "repeats": 3}
    return Machine.model_validate(
        {
            "name": "1 x processor", "cpu": "processor", "cores": 2, "threads": 2, "memory_bytes": int(memory),
            "devices": [{"kind": "cpu", "name": "processor", "count": 1, "memory_bytes": int(memory)}],
            "matmul": [product | {"dtype": d, "flops_per_second": r} for d, r in (("fp32", 2e11), ("bf16", 8e11))],
            "bandwidth_bytes_per_second": {1: 2e10, 2: 4e10}, "passes_bytes_per_second": {1: 1e11, 2: 1.9e11}, "links": [],
            "precisions": {"usable": ["fp32", "bf16"], "advised": "bf16"}, "taken_by_others": 0, "quick": True,
            "measured_at": "2026-01-01", "software": {}, "warnings": [], "reasons": {},
        } | changes
    )  # fmt: skip


def order(seconds: float, **changes: object) -> Order:
    return Order(LAW, SIZE, OnProcessor(machine(**changes)), Limits(seconds=seconds))


@settings(max_examples=20)
@given(st.floats(60, 86400), st.floats(5e8, 24e9), st.floats(1, 8))
@example(3125.0, 516134890.0, 1.0)
def test_limits_are_kept_and_more_is_never_worse(seconds, memory, times):
    hardware = OnProcessor(machine(memory=memory))
    settled = order(seconds, memory=memory).settled()
    smallest = next(hardware.shapes(hardware.smallest, 1e9, settled.vocabulary, settled.context))
    if hardware.least_memory(smallest) > hardware.memory_bytes:
        # The runtime alone takes more: the refusal says how much.
        with pytest.raises(WorkError, match=r"need [0-9.]+ GB on each of 1 x processor"):
            options(order(seconds, memory=memory))
        return
    found = options(order(seconds, memory=memory))
    for option in found:
        assert option.seconds == pytest.approx(option.startup_seconds + option.tokens / option.tokens_per_second)
        assert option.seconds <= seconds * (1 + 1e-9)
        assert option.memory_bytes <= FREE_MEMORY * memory
        assert option.tokens_per_second <= hardware.most_tokens_per_second(option.shape, option.precision)
        layout = option.layout
        said = memory_bytes(option.shape, layout.micro_batch, option.precision, layout.compiled)
        assert option.memory_bytes == pytest.approx(said)
    # The context and the batch grow with the budget: the law knows of neither.
    asked = replace(order(seconds, memory=memory), context=128)
    assert options(replace(asked, limits=Limits(seconds=times * seconds)))[0].loss <= options(asked)[0].loss * (
        1 + 1e-9
    )


def test_a_time_of_which_a_share_is_too_short_for_any_model_is_planned():
    # What would be best within an eighth of the time is told beside the choice, where there is anything.
    enough = float(re.search(r"\(([0-9.e+-]+) s would be enough", refused(order(1e-2)))[1])
    plan = plan_machine(order(1.01 * enough), "published:chinchilla")
    assert plan.choice.seconds <= 1.01 * enough
    assert "raise the limit" in refused(order(0.5 * enough))


def refused(asked):
    with pytest.raises(WorkError) as error:
        options(asked)
    return str(error.value)


def test_the_fastest_of_precisions_and_kernels_by_brute_force():
    asked = order(3600.0).settled()
    for option in options(asked)[:20]:
        batch, best = option.sequences, 0.0
        for precision in ("fp32", "bf16"):
            rates = ProcessorRates.of(machine(), precision, 2)
            for compiled in (False, True):
                step = processor_step(option.shape, batch, precision, rates, compiled).total
                startup = compile_seconds(option.shape, rates) if compiled else 0.0
                best = max(best, (3600.0 - startup) * batch * option.shape.context / step)
        assert option.tokens == pytest.approx(best)


def test_compiling_pays_once_there_is_time_for_it():
    assert not options(order(20.0))[0].layout.compiled
    assert options(order(3600.0))[0].layout.compiled


def test_the_shape_is_one_of_the_familys():
    choice = options(order(600.0))[0]
    family = LlamaFamily(vocabulary=choice.shape.vocabulary, context=choice.shape.context)
    assert Decoder.of(family.shape(choice.shape.width)) == choice.shape


def test_widths_are_those_that_the_machine_multiplies_fast():
    def widths(grains):
        shapes = OnProcessor(machine(grains=grains)).shapes(1, 3e9, 32_000, 2048)
        return [(shape.width, shape.hidden) for shape in shapes]

    fine, coarse = widths({"fp32": 16, "bf16": 8}), widths({"fp32": 8, "bf16": 32})
    assert fine == widths({})
    assert all(width % 32 == hidden % 32 == 0 for width, hidden in coarse if width >= 256)
    narrow = {width for width, _ in fine if width <= 512}
    assert {width for width, _ in coarse if width <= 512} < narrow
    steps = [wider / width for (width, _), (wider, _) in pairwise(coarse) if width >= 256]
    assert max(steps) <= 1.125


def test_a_plan_and_its_reasons():
    plan = plan_machine(order(600.0), "published:chinchilla")
    assert set(plan.reasons) >= {
        "params", "shape", "tokens", "layout", "batch", "precision", "tokens_per_second", "seconds", "memory_bytes", "machine",
        "ideal", "efficiency", "forecast", "flop_optimal", "regret",
    }  # fmt: skip
    assert plan.choice.usd is plan.choice.kwh is None
    # The textbook: at the fp32 rate, times bits over 32.
    bits = {"fp32": 32, "bf16": 16}[plan.choice.precision]
    assert plan.ideal.seconds == pytest.approx(plan.choice.flops / 2e11 * bits / 32)
    assert any(warning.startswith("far") for warning in plan.warnings)


def test_a_law_that_says_less_than_nothing_is_warned_of():
    # Constants of models a hundred times larger: of these they forecast more than guessing would lose.
    for seconds, useless in ((60.0, True), (6000.0, False)):
        plan = plan_machine(order(seconds), "published:chinchilla")
        assert (plan.choice.loss > math.log(plan.choice.shape.vocabulary)) == useless
        assert any(warning.startswith("useless") for warning in plan.warnings) == useless


def test_a_disturbed_probe_is_not_planned_with():
    disturbed = machine(trusted=False, warnings=["34 % of the processor was taken by others"])
    with pytest.raises(InputError, match="34 % of the processor was taken by others"):
        hardware(disturbed, None, ())


def test_measured_runs_correct_the_speed_and_narrow_the_interval():
    plain = OnProcessor(machine())
    shape = LlamaFamily(vocabulary=4096, context=128).shape(128)
    step = processor_step(shape, 32, "bf16", ProcessorRates.of(machine(), "bf16", 2)).total
    taught = replace(plain, runs=5 * (TimedRun(shape, 32, "bf16", 1.25 * step),))
    slower, faster = (on.lay(Decoder.of(shape), 1e7, 1e10, "bf16") for on in (taught, plain))
    assert slower.tokens_per_second == pytest.approx(faster.tokens_per_second / taught.correction.factor)
    assert taught.correction.factor == pytest.approx(1.25, rel=0.05)
    assert taught.time_spread < plain.time_spread


def test_a_machine_that_drifts_is_planned_with_a_wider_interval_and_a_warning():
    def with_drift(*drifts):
        shape = LlamaFamily(vocabulary=64, context=8).shape(32)
        step = {"shape": shape.model_dump(), "precision": "bf16", "sequences": 2, "seconds": 0.1, "spread": 0}
        steady = machine(steps=[step | {"drift": each} for each in drifts])
        order = Order(LAW, SIZE, OnProcessor(steady), Limits(seconds=600.0))
        return plan_machine(order, "published:chinchilla")

    steady, drifting = with_drift(0.0, 0.0), with_drift(0.3, 0.4)
    assert drifting.choice == steady.choice
    # In the quadratic mean 0.354, besides 0.2 for a steady machine: 0.406, 1.645 of it to each side.
    assert drifting.forecast_seconds.high / drifting.choice.seconds == pytest.approx(1.9509, rel=1e-3)
    assert steady.forecast_seconds.high / steady.choice.seconds == pytest.approx(1.3896, rel=1e-3)
    (warning,) = set(drifting.warnings) - set(steady.warnings)
    assert warning.startswith("steps of one model took 35%")


def test_emulated_precisions_are_not_planned():
    found = options(order(600.0, precisions={"usable": ["fp32"], "advised": "fp32"}))
    assert {option.precision for option in found} == {"fp32"}


def test_what_cannot_be_is_told():
    with pytest.raises(WorkError, match=r"need 0\.\d+ GB on each of 1 x processor, however laid out, of 0\.0008 GB"):
        options(order(600.0, memory=1e6))
    with pytest.raises(InputError, match="its power is not known"):
        options(Order(LAW, SIZE, OnProcessor(machine()), Limits(kwh=1.0)))
    with pytest.raises(InputError, match="has no price: give --usd-per-hour"):
        options(Order(LAW, SIZE, OnProcessor(machine()), Limits(usd=1.0)))
    assert options(Order(LAW, SIZE, OnProcessor(machine(), 0.1), Limits(usd=0.1)))[0].usd == pytest.approx(0.1)
