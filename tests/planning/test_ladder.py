"""The ladder keeps its promises for any budget, machine and data."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalewright.architectures import LlamaFamily
from scalewright.errors import InputError
from scalewright.machines.speed import MeasuredSpeed, Speed
from scalewright.planning import Order, design_ladder, first_settings, nearest_shape, trunk_steps
from scalewright.planning.rules import batch_tokens, first_guess

FAMILY = LlamaFamily(vocabulary=1024, context=128)


def speed(rate):
    points = tuple(
        MeasuredSpeed(flops_per_token=cost, tokens_per_second=rate / cost, spread=0.1, steps=9) for cost in (1e5, 1e9)
    )
    return Speed(precision="bf16", threads=1, beside=1, batch_size=8, points=points)


def ladder(flops=4e13, seconds=120.0, rate=8e10, data=10**7, shared=True):
    return design_ladder(
        Order(
            family=FAMILY,
            target_flops=flops,
            limit_seconds=seconds,
            batch_size=8,
            speed=speed(rate),
            workers=2,
            data_tokens=data,
            decay_fraction=0.2,
            precision="bf16",
            seed=5,
            reasons=first_settings(flops).reasons,
            shared=shared,
        )
    )


def cost(found, rung):
    return rung.shape.train_flops_per_token * rung.horizons[-1] * found.tokens_per_step


@settings(max_examples=60)
@given(
    flops=st.floats(3e12, 1e18), share=st.floats(0.1, 2.0), rate=st.floats(1e10, 1e13), data=st.integers(10**6, 10**10)
)
def test_limits_hold(flops, share, rate, data):
    limit = share * flops / rate
    try:
        found = ladder(flops, limit, rate, data)
    except InputError:
        return
    assert found.seconds <= limit
    rungs = [rung for rung in found.rungs if rung.role == "ladder"]
    assert len({rung.shape.params for rung in rungs}) >= 4
    assert sum(len(rung.horizons) >= 3 for rung in rungs) >= 4
    assert all(list(rung.horizons) == sorted(set(rung.horizons)) for rung in rungs)
    per_step = found.tokens_per_step
    for rung in found.rungs:
        assert cost(found, rung) <= flops / 8
        assert rung.horizons[-1] * per_step <= 2 * data or rung.role == "repetition"


@settings(max_examples=60)
@given(
    flops=st.floats(3e12, 1e16), share=st.floats(0.1, 2.0), rate=st.floats(1e10, 1e13), data=st.integers(10**6, 10**10)
)
def test_runs_end_after_the_start_of_training_or_it_warns(flops, share, rate, data):
    try:
        found = ladder(flops, share * flops / rate, rate, data)
    except InputError:
        return
    shortest = min(rung.horizons[0] for rung in found.rungs if rung.role == "ladder")
    assert bool(found.warnings) == (shortest < 400)


def test_horizons_that_share_no_trunk_take_their_own_time():
    alone, shared = ladder(seconds=1e5, shared=False), ladder(seconds=1e5)
    assert alone.rungs == shared.rungs

    def steps(beside):
        jobs = [rung.shape.train_flops_per_token * trunk_steps(rung.horizons, beside) for rung in shared.rungs]
        return sum(jobs) + 5 * shared.search_shape.train_flops_per_token * shared.search_horizon

    assert alone.seconds / shared.seconds == pytest.approx(steps(1.0) / steps(0.2))


def test_short_time_takes_repeats_then_compute_but_not_horizons_under_the_start():
    ample, scarce, scarcest = (ladder(flops=6e13, seconds=seconds) for seconds in (3000.0, 600.0, 250.0))
    seeds = [sum(rung.role == "repeat" for rung in found.rungs) for found in (ample, scarce, scarcest)]
    assert seeds[0] == 8 > seeds[1] > seeds[2] >= 1
    costs = [cost(found, found.rungs[0]) for found in (ample, scarce, scarcest)]
    assert costs[2] < 0.95 * costs[1] == pytest.approx(0.95 * costs[0])
    assert min(rung.horizons[0] for rung in scarcest.rungs) >= 400
    assert not scarcest.warnings


def test_sizes_reach_the_final_one_and_small_ones_its_tokens():
    found = ladder(flops=1e15, seconds=1e6, data=10**9)
    params, tokens, _ = first_guess(1e15)
    sizes = [rung for rung in found.rungs if rung.role == "ladder"]
    assert [rung.shape.params / params for rung in sizes] == pytest.approx([1 / 8, 1 / 4, 1 / 2, 1], rel=0.1)
    assert sizes[0].horizons[-1] * found.tokens_per_step == pytest.approx(tokens, rel=0.25)
    costs = [cost(found, rung) for rung in sizes]
    assert costs == pytest.approx([1e15 / 8.5] * 4, rel=0.01)


def test_horizons_lie_a_factor_of_two_apart_at_most():
    for rung in ladder(flops=1e15, seconds=1e6, data=10**9).rungs:
        ratios = [longer / shorter for shorter, longer in itertools.pairwise(rung.horizons)]
        assert max(ratios) <= 2.01
        assert rung.horizons[-1] / rung.horizons[0] <= 17


@pytest.mark.parametrize("data", [10**6, 36 * 10**5, 10**7])
def test_no_run_ends_in_the_start_of_training_without_a_warning(data):
    found = ladder(flops=6e13, seconds=1e4, data=data)
    shortest = min(rung.horizons[0] for rung in found.rungs)
    assert shortest >= 400 or found.warnings


def test_too_short_a_text_says_so():
    with pytest.raises(InputError, match="20,000 training tokens are too few"):
        ladder(data=20_000)


@settings(max_examples=60)
@given(data=st.integers(5 * 10**5, 10**8))
def test_rungs_repeat_text_only_where_the_final_run_will(data):
    found = ladder(seconds=1000.0, data=data)
    _, tokens, _ = first_guess(found.target_flops)
    longest = max(rung.horizons[-1] for rung in found.rungs if rung.role != "repetition") * found.tokens_per_step
    assert longest <= max(data, min(tokens, 2 * data))


def test_noise_is_measured():
    found = ladder()
    repeats = [rung for rung in found.rungs if rung.role == "repeat"]
    first = {(rung.shape, horizon) for rung in found.rungs if rung.role == "ladder" for horizon in rung.horizons}
    assert repeats
    assert all((rung.shape, horizon) in first and rung.seed != 5 for rung in repeats for horizon in rung.horizons)


def test_repetition_is_measured_where_the_text_is_short():
    assert not [rung for rung in ladder(data=10**8).rungs if rung.role == "repetition"]
    found = ladder(data=2 * 10**6)
    (repeated,) = (rung for rung in found.rungs if rung.role == "repetition")
    passes = [horizon * found.tokens_per_step / repeated.unique_tokens for horizon in repeated.horizons]
    assert passes == [2, 4]
    # The final run in small: the same unique tokens for each parameter.
    params, _, _ = first_guess(found.target_flops)
    assert repeated.unique_tokens / repeated.shape.params == pytest.approx(2e6 / params, rel=0.05)


def test_too_small_a_budget_says_so():
    with pytest.raises(InputError, match="raise the budget"):
        ladder(flops=1e11, seconds=0.5)


def test_each_number_has_its_reason():
    assert {"target", "context", "batch_size", "warmup_steps", "sizes", "horizons", "repeats", "seconds"} <= set(
        ladder().reasons
    )


def test_trunk_steps_by_hand():
    # 100 steps of the longest, which are its own trunk and decay, and a fifth of 25 and of 50 beside it.
    assert trunk_steps((25, 50, 100), 0.2) == pytest.approx(115)


@given(params=st.floats(3e4, 1e9))
def test_nearest_shape_is_the_nearest(params):
    found = nearest_shape(FAMILY, params)
    others = (found.width - FAMILY.step, found.width + FAMILY.step)
    ratio = max(found.params / params, params / found.params)
    for width in others:
        if width >= FAMILY.narrowest:
            other = FAMILY.shape(width).params
            assert ratio <= max(other / params, params / other)


def test_rules_against_their_sources():
    # Step law (Li et al. 2025): B = 0.58·D^0.571 tokens; 2.0e9 tokens give about 119 thousand.
    sequences, _ = batch_tokens(2e9, 128)
    assert sequences == 512
    params, tokens, _ = first_guess(6e12)
    assert 6 * params * tokens == pytest.approx(6e12)
