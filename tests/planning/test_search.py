"""Plans keep their limits, get no worse with more, and are the best of what there is."""

import re
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from scalewright.architectures.memory import training_memory
from scalewright.architectures.parallel import Layouts
from scalewright.errors import InputError, WorkError
from scalewright.machines.cluster import Cluster
from scalewright.machines.step import EFFICIENCY, step_time
from scalewright.planning import search
from scalewright.planning.on_cluster import FREE_MEMORY, OnCluster
from scalewright.planning.published import published_law
from scalewright.planning.search import Limits, Order, best_option, options
from scalewright.planning.serving import Serving, serving_bytes
from scalewright.planning.space import layouts

LAW = published_law("chinchilla")
MACHINES = st.sampled_from(["H100-SXM", "A100-SXM-40GB", "V100", "L4", "MI300X", "RTX-4090", "TPU-v5e"])
NODES = st.sampled_from([1, 2, 3, 5, 8, 13, 16])
HOURS = st.floats(1, 24 * 60)


def order(machine, nodes, **limits):
    device = Cluster.named(machine).device
    count = nodes * min(device.node.devices, 8)
    return Order(LAW, lambda shape: shape.params_total, OnCluster(Cluster(device, count)), Limits(**limits))


@settings(max_examples=25)
@given(MACHINES, NODES, HOURS, st.floats(0.3, 1))
def test_no_plan_breaks_a_limit(machine, nodes, hours, share):
    memory = share * Cluster.named(machine).device.memory_bytes
    asked = order(machine, nodes, seconds=3600 * hours, memory_bytes=memory, flops=1e24, kwh=1e5)
    for option in options(asked):
        assert option.seconds <= 3600 * hours * (1 + 1e-9)
        assert option.memory_bytes <= min(memory, FREE_MEMORY * asked.hardware.cluster.device.memory_bytes)
        assert option.flops <= 1e24 * (1 + 1e-9)
        assert option.kwh <= 1e5 * (1 + 1e-9)
        assert option.layout.devices <= asked.hardware.devices
        layout = option.layout
        assert layout.data * layout.tensor * layout.context * layout.pipeline == layout.devices
        assert option.tokens == pytest.approx(option.seconds * option.tokens_per_second)


@settings(max_examples=25)
@given(MACHINES, NODES, HOURS, st.floats(1, 4), st.floats(0.4, 1))
def test_more_time_or_memory_is_never_worse(machine, nodes, hours, times, share):
    memory = share * Cluster.named(machine).device.memory_bytes
    less = order(machine, nodes, seconds=3600 * hours, memory_bytes=memory)
    longer = replace(less, limits=Limits(seconds=3600 * hours * times, memory_bytes=memory))
    roomier = replace(less, limits=Limits(seconds=3600 * hours, memory_bytes=memory / share))
    least = options(less)[0].loss
    assert options(longer)[0].loss <= least * (1 + 1e-9)
    assert options(roomier)[0].loss <= least * (1 + 1e-9)


@settings(max_examples=15)
@given(MACHINES, st.integers(1, 24), st.integers(1, 8), HOURS)
def test_more_devices_are_never_worse(machine, nodes, more, hours):
    less, larger = (options(order(machine, n, seconds=3600 * hours))[0].loss for n in (nodes, nodes + more))
    assert larger <= less * (1 + 1e-6)


def test_the_choice_is_the_best_by_brute_force():
    asked = order("A100-SXM-40GB", 1, seconds=6 * 3600.0)
    found = options(asked)
    for option in found[:10]:
        shape = option.shape
        sequences = option.layout.data * option.layout.micro_batch * option.layout.accumulation
        every = layouts(shape, asked.hardware.cluster, sequences)
        best = 0.0
        for row in range(len(every)):
            one = every.take(np.array([row]))
            if training_memory(shape, one).total[0] <= asked.usable_memory:
                time = step_time(shape, one, asked.hardware.cluster, "bf16", EFFICIENCY, gradient_bytes=4).total[0]
                best = max(best, EFFICIENCY.production * float(one.sequences[0]) * shape.context / time)
        assert option.tokens_per_second >= best * (1 - 1e-9)
    sizes = np.array([option.shape.params_total for option in found], float)
    tokens = np.array([option.tokens for option in found])
    assert found[0].loss == pytest.approx(LAW.losses(sizes, tokens).min())
    assert isinstance(every, Layouts)


class Whole(OnCluster):
    """With all its devices or not at all."""

    def fewer(self):
        return []


@settings(max_examples=3)
@given(
    MACHINES,
    st.sampled_from([1, 2, 3, 5]),
    st.floats(0.01, 24 * 60),
    st.sampled_from([1.0, 0.1]),
    st.sampled_from([None, 1e8, 1e10, 1e12]),
)
@example("L4", 13, 0.0547, 1.0, None)  # the best lies at the edge of the sizes that are looked at first
def test_no_size_and_no_part_of_the_devices_is_better(machine, nodes, hours, memory, served):
    memory *= Cluster.named(machine).device.memory_bytes
    asked = replace(
        order(machine, nodes, seconds=3600 * hours, memory_bytes=memory, flops=1e23), serving=Serving(tokens=served)
    )
    every = [np.inf]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(search, "_NEAR", 1e9)
        for part in (asked.hardware, *asked.hardware.fewer()):
            with suppress(WorkError):
                every.append(options(replace(asked, hardware=Whole(part.cluster)))[0].loss)
    if np.isinf(min(every)):
        with pytest.raises(WorkError):
            options(asked)
        return
    assert options(asked)[0].loss == best_option(asked).loss == pytest.approx(min(every), rel=1e-12)
    with pytest.MonkeyPatch.context() as patched:
        # Whatever is looked at first.
        patched.setattr(search, "_NEAR", 1.1)
        assert options(asked)[0].loss == pytest.approx(min(every), rel=1e-12)


@settings(max_examples=30)
@given(MACHINES, NODES, HOURS, st.floats(0.3, 1), st.floats(0.3, 1), st.sampled_from([2048, 32_768]))
def test_no_layout_is_faster_than_the_hardware_says(machine, nodes, hours, products, attention, context):
    asked = replace(order(machine, nodes, seconds=3600 * hours), context=context)
    efficiency = EFFICIENCY._replace(products=products, attention=attention)
    asked = replace(asked, hardware=replace(asked.hardware, efficiency=efficiency))
    found = [option for option in options(asked) if option.layout.devices == asked.hardware.devices]
    for option in found:
        assert option.tokens_per_second <= asked.hardware.most_tokens_per_second(option.shape, option.precision)


def test_what_is_given_is_kept():
    asked = replace(order("H100-SXM", 8), params=7e9, tokens=1e12)
    for option in options(asked):
        assert option.params == pytest.approx(7e9, rel=0.05)
        assert option.tokens == 1e12


def test_money_and_energy_are_times():
    device = Cluster.named("H100-SXM").device
    hours = 5000 / (device.usd_per_hour * 64)
    by_money, by_time = (
        options(order("H100-SXM", 8, usd=5000))[0],
        options(order("H100-SXM", 8, seconds=3600 * hours))[0],
    )
    assert by_money.loss == pytest.approx(by_time.loss)
    assert by_money.usd == pytest.approx(5000)


def test_repeated_tokens_are_worth_less():
    plenty = order("H100-SXM", 8, seconds=7 * 86400.0)
    few = replace(plenty, unique_tokens=1e10)
    assert options(few)[0].loss > options(plenty)[0].loss
    assert options(few)[0].params > options(plenty)[0].params or options(few)[0].tokens > 1e10


def test_fewer_devices_that_divide_better():
    assert [part.devices for part in OnCluster(Cluster.named("64 x H100")).fewer()] == [48, 40]
    assert OnCluster(Cluster.named("8 x H100")).fewer() == []


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        (order("H100-SXM", 1), InputError, "no limit"),
        (order("GB200", 1, usd=10.0), InputError, "has no price"),
        (order("H100-SXM", 1, seconds=1e-3), WorkError, "raise the limit"),
        (replace(order("T4", 1, seconds=1e9), params=70e9), WorkError, "take more devices"),
        (replace(order("T4", 1, seconds=1e9), params=1e3), WorkError, "ask for more params"),
        (replace(order("H100-SXM", 1, seconds=3600.0), tokens=1e15), WorkError, "ask for fewer tokens"),
    ],
)
def test_the_impossible_is_told_what_would_do(asked, error, said):
    with pytest.raises(error, match=said):
        options(asked)


@pytest.mark.parametrize(
    ("limit", "pattern", "given"),
    [("seconds", r"\(([0-9.e+-]+) s would be enough", 1.0), ("flops", r"\(([0-9.e+-]+) FLOPs would", 1e10),
     ("usd", r"\(([0-9.e+-]+) USD would", 1e-6), ("kwh", r"\(([0-9.e+-]+) kWh would", 1e-6)],
)  # fmt: skip
def test_what_is_said_to_be_enough_is(limit, pattern, given):
    asked = replace(order("H100-SXM", 1, **{limit: given}), params=1e9, tokens=1e9)
    with pytest.raises(WorkError) as refused:
        options(asked)
    enough = float(re.search(pattern, str(refused.value))[1])
    # The smallest shape of the size was asked about, to three digits.
    assert options(replace(asked, limits=Limits(**{limit: 1.006 * enough})))
    with pytest.raises(WorkError):
        options(replace(asked, limits=Limits(**{limit: 0.9 * enough})))


def test_where_memory_binds_the_largest_that_fits_is_planned():
    found = options(order("L4", 1, flops=1e30))
    assert found[0].memory_bytes > 0.6 * order("L4", 1).usable_memory
    assert found[0].params > 0.9 * max(option.params for option in found)


def test_long_sequences_are_shared():
    found = options(replace(order("H100-SXM", 8, seconds=7 * 86400.0), context=131_072))[0]
    assert found.layout.context > 1
    assert (
        found.layout.data * found.layout.tensor * found.layout.context * found.layout.pipeline == found.layout.devices
    )


@settings(max_examples=15)
@given(MACHINES, HOURS, st.floats(1e8, 1e10), st.floats(1e-3, 1e-2))
def test_what_is_served_keeps_to_its_limits(machine, hours, memory, latency):
    asked = replace(order(machine, 1, seconds=3600 * hours), serving=Serving(memory, latency))
    least = next(asked.hardware.shapes(1e6, 1e13, 32_768, 2048))
    assume(asked.serving.allows(serving_bytes(least), asked.hardware.seconds_per_served_token(least)))
    found = options(asked)
    free = options(order(machine, 1, seconds=3600 * hours))[0]
    for option in found:
        assert serving_bytes(option.shape) == option.serving_bytes <= memory
        assert option.serving_seconds_per_token <= latency
    assert found[0].loss >= free.loss * (1 - 1e-9)


def test_tokens_to_be_served_are_paid_for_and_make_the_model_smaller():
    # Sardana et al. 2024 (arXiv:2401.00448): the more is served, the smaller the model and the more tokens for each param.
    free = order("H100-SXM", 8, seconds=7 * 86400.0)
    losses, sizes = [], []
    for served in (None, 1e12, 2e12):
        best = options(replace(free, serving=Serving(tokens=served)))[0]
        total = best.seconds + best.serving_seconds
        assert total == pytest.approx(7 * 86400.0)
        assert best.serving_seconds == pytest.approx((served or 0) / 3 / best.tokens_per_second)
        losses.append(best.loss)
        sizes.append(best.params)
    assert losses == sorted(losses)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[2] < sizes[0]


def test_the_impossible_to_serve_is_told():
    with pytest.raises(WorkError, match="raise the limits of serving"):
        options(replace(order("H100-SXM", 1, seconds=3600.0), serving=Serving(memory_bytes=1e6)))


def test_limits_are_positive():
    with pytest.raises(InputError, match="serving tokens: found 0"):
        Serving(tokens=0.0)

    with pytest.raises(InputError, match="usd: found 0"):
        Limits(usd=0.0)
