"""Leaps of the loss against the usual scatter."""

import numpy as np
import pytest
from pydantic import ValidationError

from scalewright.planning import Recipe
from scalewright.training.spikes import RECENT, NoSpikes, SpikeWatch


def test_the_bound_is_that_of_the_recent_losses():
    losses = np.random.default_rng(0).normal(3.0, 0.1, 3 * RECENT)
    watch = SpikeWatch(8.0)
    for number, loss in enumerate(losses, 1):
        watch.hear(float(loss))
        if number < RECENT:
            assert watch.bound() == float("inf")
        else:
            recent = losses[number - RECENT : number]
            assert watch.bound() == pytest.approx(recent.mean() + 8 * recent.std(ddof=1))


def test_it_goes_on_from_a_checkpoint():
    one, other = SpikeWatch(6.0), SpikeWatch(6.0)
    for number in range(RECENT + 7):
        one.hear(1.0 + number % 5)
    other.go_on(one.state())
    for watch in (one, other):
        watch.hear(2.5)
    assert one.bound() == other.bound() < float("inf")


def test_without_it_nothing_is_a_spike():
    watch = NoSpikes()
    for _ in range(2 * RECENT):
        watch.hear(1.0)
    assert watch.bound() == float("inf")


def test_a_bound_within_the_scatter_is_refused():
    with pytest.raises(ValidationError, match="expected 4 or more"):
        Recipe(learning_rate=1e-3, base_width=32, base_depth=2, batch_size=4, warmup_steps=1, spike=2.0)
