"""The time of a step on a processor: its parts in closed form."""

from dataclasses import replace

import pytest

from scalewright.architectures import LlamaFamily
from scalewright.errors import InputError
from scalewright.machines.machine import Machine, TrainingStep
from scalewright.machines.processor import COMPILED, EAGER, ProcessorRates, compile_seconds, processor_step

SHAPE = LlamaFamily(vocabulary=4096, context=256).shape(128)
RATES = ProcessorRates(products=9e11, passes=1.9e11)


@pytest.mark.parametrize(("compiled", "costs"), [(False, EAGER), (True, COMPILED)])
def test_where_nothing_but_products_cost_it_is_the_flops_over_the_rate(compiled, costs):
    step = processor_step(SHAPE, 16, "bf16", ProcessorRates(products=1e11, passes=1e30), compiled)
    tokens = 16 * 256
    attention = 12 * SHAPE.depth * 256 * SHAPE.attention_width * tokens
    products = SHAPE.train_flops_per_token * tokens - attention
    costs = costs["bf16"]
    expected = (costs.products * products + costs.attention * attention) / 1e11
    assert step.total - step.overhead == pytest.approx(expected)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_grows_with_the_batch_does_so_in_proportion(precision):
    one, four = (processor_step(SHAPE, batch, precision, RATES) for batch in (8, 32))
    fixed = one.weights + one.overhead
    assert four.total - fixed == pytest.approx(4 * (one.total - fixed))


def test_half_precision_moves_fewer_bytes():
    half, full = (processor_step(SHAPE, 8, precision, RATES) for precision in ("bf16", "fp32"))
    passes = {precision: EAGER[precision] for precision in ("bf16", "fp32")}
    # Scores in two bytes instead of four; logits in fp32 either way.
    assert full.scores / half.scores == pytest.approx(2 * passes["fp32"].scores / passes["bf16"].scores)
    assert full.logits / half.logits == pytest.approx(passes["fp32"].logits / passes["bf16"].logits)


def test_arrays_that_caches_do_not_hold_are_slower():
    rates = replace(RATES, beyond=((8 * 2**20, 1.5e11), (32 * 2**20, 5e10)))
    assert rates.spilled(2**18) == rates.spilled(2**19) == 0 < rates.spilled(2**20)
    assert rates.spilled(8 * 2**20) == pytest.approx(1 / 1.5e11 - 1 / 1.9e11)
    # Half way in the logarithm between the two, and beyond the last at its rate.
    assert rates.spilled(16 * 2**20) == pytest.approx(1 / 1e11 - 1 / 1.9e11)
    assert rates.spilled(2**30) == pytest.approx(1 / 5e10 - 1 / 1.9e11)
    near, far = (processor_step(SHAPE, batch, "bf16", rates) for batch in (1, 64))
    assert near.spilled / near.total < far.spilled / far.total
    assert far.total > 1.05 * processor_step(SHAPE, 64, "bf16", RATES).total


def test_compiled_steps_are_faster_and_take_a_while_to_begin():
    eager, compiled = (processor_step(SHAPE, 16, "bf16", RATES, each).total for each in (False, True))
    assert 0.5 < compiled / eager < 0.95
    assert 5 < compile_seconds(SHAPE, RATES) < 60


def machine(passes):
    product = {"dtype": "fp32", "shape": (512,) * 3, "size": 512, "flops_per_second": 4e11, "spread": 0, "repeats": 3}
    return Machine.model_validate(
        {
            "name": "1 x processor", "cpu": "processor", "cores": 4, "threads": 4, "memory_bytes": 8e9,
            "devices": [{"kind": "cpu", "name": "processor", "count": 1, "memory_bytes": 8e9}], "matmul": [product],
            "bandwidth_bytes_per_second": {4: 1e10}, "passes_bytes_per_second": passes, "links": [],
            "precisions": {"usable": ["fp32"], "advised": "fp32"}, "taken_by_others": 0, "quick": True, "measured_at": "",
            "software": {}, "warnings": [], "reasons": {},
        }
    )  # fmt: skip


def test_rates_are_the_probes():
    rates = ProcessorRates.of(machine({1: 5e10, 4: 1.5e11}), "fp32", 1)
    assert (rates.products, rates.passes) == (1e11, 5e10)


def test_a_probe_without_such_a_rate_is_refused():
    with pytest.raises(InputError, match="only with none: probe anew"):
        ProcessorRates.of(machine({}), "fp32", 4)
    with pytest.raises(InputError, match="no rate was measured in bf16"):
        ProcessorRates.of(machine({4: 1e11}), "bf16", 4)


def test_steps_that_a_probe_timed_tell_how_slow_a_processor_is():
    """Two models, half and twice as slow again as the formula: the geometric mean."""
    plain = machine({1: 5e10, 4: 1.5e11})
    rates = ProcessorRates.of(plain, "fp32", 4)
    steps = tuple(
        TrainingStep(
            precision="fp32",
            shape=SHAPE.model_copy(update={"depth": depth}),
            sequences=8,
            seconds=times * processor_step(SHAPE.model_copy(update={"depth": depth}), 8, "fp32", rates).total,
            spread=0.0,
        )
        for depth, times in ((4, 1.5), (6, 3.0))
    )
    slow = plain.model_copy(update={"steps": steps})
    known = ProcessorRates.of(slow, "fp32", 4)
    assert known.slowness == pytest.approx(4.5**0.5)
    for compiled in (False, True):
        before, after = (processor_step(SHAPE, 16, "fp32", each, compiled) for each in (rates, known))
        assert after.total == pytest.approx(4.5**0.5 * before.total)
    assert known.compiling == 1.0
    # On fewer threads nothing was timed.
    assert ProcessorRates.of(slow, "fp32", 1).slowness == 1.0


def test_compiled_steps_that_a_probe_timed_tell_their_own_slowness_and_what_compiling_takes():
    plain = machine({1: 5e10, 4: 1.5e11})
    rates = ProcessorRates.of(plain, "fp32", 4)
    steps = tuple(
        TrainingStep(
            precision="fp32",
            shape=SHAPE,
            sequences=8,
            seconds=times * processor_step(SHAPE, 8, "fp32", rates, compiled).total,
            spread=0.0,
            compiled=compiled,
            startup_seconds=2.5 * compile_seconds(SHAPE, rates) if compiled else 0.0,
        )
        for compiled, times in ((False, 1.5), (True, 1.25))
    )
    slow = plain.model_copy(update={"steps": steps})
    eager, compiled = (ProcessorRates.of(slow, "fp32", 4, each) for each in (False, True))
    assert (eager.slowness, compiled.slowness) == (pytest.approx(1.5), pytest.approx(1.25))
    assert eager.compiling == compiled.compiling == pytest.approx(2.5)
    deeper = SHAPE.model_copy(update={"depth": 2 * SHAPE.depth})
    assert compile_seconds(deeper, compiled) == pytest.approx(2.5 * compile_seconds(deeper, rates))
