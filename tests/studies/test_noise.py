"""The noise between seeds against draws whose scatter is known."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import t

from scalewright.studies.noise import Noise, seed_noise


def run(seed, loss, steps=100, width=32):
    return SimpleNamespace(
        seed=seed, loss=loss, configuration={"seed": seed, "steps": steps, "shape": {"width": width}}
    )


def test_by_hand():
    # Logarithms 0 and 0.02: a variance of 2e-4; and 0, 0.03, 0.06: of 9e-4 with twice the weight.
    runs = [run(0, 1.0), run(1, math.exp(0.02))]
    runs += [run(seed, math.exp(0.03 * seed), width=64) for seed in range(3)]
    noise = seed_noise(runs)
    assert noise.deviation == pytest.approx(math.sqrt((2e-4 + 2 * 9e-4) / 3))
    assert noise.freedom == 3


def test_branches_of_a_trunk_are_no_further_evidence():
    runs = [run(seed, 3.0 + 0.01 * seed, steps) for seed in range(3) for steps in (100, 200, 400)]
    assert seed_noise(runs).freedom == 2


def test_without_repeats_nothing_is_known():
    assert seed_noise([]) is None
    assert seed_noise([run(0, 3.0), run(0, 2.9, steps=200), run(0, 2.8, width=64)]) is None


def test_drawn_noise_is_measured():
    generator = np.random.default_rng(0)
    runs = [
        run(seed, 3 * math.exp(0.004 * generator.normal()), width=width)
        for width in range(32, 32 * 200, 32)
        for seed in (0, 1)
    ]
    assert seed_noise(runs).deviation == pytest.approx(0.004, rel=0.15)


def test_luck_alone_stays_below_the_least_gain_in_nineteen_searches_of_twenty():
    generator, beyond = np.random.default_rng(1), 0
    for _ in range(4000):
        # Noise as it is estimated from four repeated trainings, and a search whose eight other values are all alike.
        noise = Noise(0.01 * math.sqrt(generator.chisquare(4) / 4), 4)
        losses = 0.01 * generator.normal(size=9)
        beyond += losses[0] - losses[1:].min() > noise.least_gain(8)
    assert beyond / 4000 < 0.05
    assert Noise(0.01, 4).least_gain(1) == pytest.approx(0.01 * math.sqrt(2) * t.ppf(0.95, 4))
