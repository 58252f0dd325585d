"""The schedules against their definitions, step by step."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from scalewright.training.schedule import Cosine, Linear, WarmupStableDecay

LENGTHS = {"total": st.integers(5, 500), "warmup": st.integers(1, 20), "decay": st.floats(0.05, 0.5)}


def test_by_hand():
    schedule = WarmupStableDecay(total=10, warmup=2, decay_fraction=0.4)
    factors = [schedule.factor(step) for step in range(10)]
    assert factors == pytest.approx([0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25])


@given(longer=st.integers(0, 500), **LENGTHS)
def test_horizons_share_their_trunk(total, longer, warmup, decay):
    short, long = WarmupStableDecay(total, warmup, decay), WarmupStableDecay(total + longer, warmup, decay)
    assert short.branch <= long.branch
    assert all(short.factor(step) == long.factor(step) for step in range(short.branch))


@given(**LENGTHS)
def test_decay_falls_evenly_towards_zero(total, warmup, decay):
    schedule = WarmupStableDecay(total, warmup, decay)
    factors = [schedule.factor(step) for step in range(schedule.branch, total)] + [0.0]
    falls = [a - b for a, b in pairwise(factors)]
    assert factors[0] == 1
    assert all(fall == pytest.approx(1 / len(falls)) for fall in falls)


@given(**LENGTHS)
def test_without_a_floor_the_decay_is_the_same_bit_for_bit(total, warmup, decay):
    schedule = WarmupStableDecay(total, warmup, decay)
    branch = total - max(1, round(decay * total))
    for step in range(total):
        expected = (total - step) / (total - branch) if step >= branch else min(1.0, (step + 1) / warmup)
        assert schedule.factor(step) == expected


@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_they_fall_as_those_of_torch(floor):
    total, warmup = 37, 5
    weight = torch.nn.Parameter(torch.zeros(1))
    after = total - warmup
    for ours, theirs in (
        (Cosine(total, warmup, floor), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, after, eta_min=floor)),
        (Linear(total, warmup, floor), lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, floor, after)),
    ):
        optimiser = torch.optim.SGD([weight], lr=1.0)
        scheduler = theirs(optimiser)
        for step in range(warmup, total):
            assert ours.factor(step) == pytest.approx(optimiser.param_groups[0]["lr"])
            optimiser.step()
            scheduler.step()


@given(total=st.integers(1, 300), warmup=st.integers(1, 30), floor=st.floats(0, 0.9))
def test_all_rise_to_one_and_fall_to_their_floor(total, warmup, floor):
    for schedule in (Cosine(total, warmup, floor), Linear(total, warmup, floor)):
        assert schedule.branch == 0
        factors = [schedule.factor(step) for step in range(total)]
        rising, falling = factors[:warmup], factors[warmup - 1 :]
        assert rising == pytest.approx([(step + 1) / warmup for step in range(len(rising))])
        assert all(a >= b for a, b in pairwise(falling))
        assert min(falling, default=1) >= floor


def test_cosine_is_half_way_down_at_half_time():
    assert Cosine(total=22, warmup=2, floor=0.2).factor(12) == pytest.approx(0.6)
    assert Cosine(total=22, warmup=2).factor(7) == pytest.approx((1 + math.cos(math.pi / 4)) / 2)


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_they_have_no_trunk_to_share(trunk, schedule):
    with pytest.raises(ValidationError, match="found 2 horizons, expected one"):
        trunk((10, 20), recipe={"schedule": schedule})
    alone = trunk((20,), recipe={"schedule": schedule, "floor": 0.1}).schedule(20)
    assert (alone.total, alone.branch, alone.floor) == (20, 0, 0.1)
