"""The choice against brute force over a known law."""

import numpy as np
import pytest

from scalewright.architectures import LlamaFamily
from scalewright.errors import InputError, WorkError
from scalewright.laws import Supply, fit
from scalewright.planning import Budget, candidates, choose, memory_bytes

FAMILY = LlamaFamily(vocabulary=1024, context=128)


def needed(shape):
    return memory_bytes(shape, 8, "bf16")


def truth(params, tokens):
    return 1.8 + 60 * params**-0.4 + 300 * tokens**-0.42


@pytest.fixture(scope="module")
def law():
    params, tokens = np.meshgrid([6e4, 1.2e5, 2.4e5, 4.8e5], [4e5, 8e5, 1.6e6, 3.2e6])
    return fit(params.ravel(), tokens.ravel(), truth(params, tokens).ravel(), forms="chinchilla", bootstrap=50)


def test_it_is_the_best_of_all_sizes(law):
    budget = Budget(flops=4e13)
    found = candidates(law, FAMILY, budget, lambda cost: 1e11 / cost, 8, Supply((10**9,)), needed)
    best, second = choose(found)
    by_force = min(
        (float(law.losses(shape.params, int(4e13 / shape.train_flops_per_token / 1024) * 1024)), shape.params)
        for shape in (FAMILY.shape(width) for width in range(32, 600, 16))
    )
    assert (best.loss, best.params) == by_force
    assert best.loss <= second.loss
    assert all(candidate.flops <= 4e13 for candidate in found)


def test_a_time_budget_is_kept(law):
    found = candidates(law, FAMILY, Budget(seconds=100), lambda cost: 1e11 / (cost + 5e5), 8, Supply((10**9,)), needed)
    assert all(99 < candidate.seconds <= 100 for candidate in found)


def test_memory_binds(law):
    shape = FAMILY.shape(64)
    found = candidates(
        law,
        FAMILY,
        Budget(flops=4e13, memory_bytes=needed(shape)),
        lambda cost: 1e11 / cost,
        8,
        Supply((10**9,)),
        needed,
    )
    assert max(candidate.params for candidate in found) == shape.params
    with pytest.raises(WorkError, match="no model fits"):
        candidates(
            law, FAMILY, Budget(flops=4e13, memory_bytes=1000), lambda cost: 1e11 / cost, 8, Supply((10**9,)), needed
        )


def test_short_text_makes_the_model_larger(law):
    plenty, _ = choose(
        candidates(law, FAMILY, Budget(flops=4e14), lambda cost: 1e11 / cost, 8, Supply((10**9,)), needed)
    )
    little, _ = choose(
        candidates(law, FAMILY, Budget(flops=4e14), lambda cost: 1e11 / cost, 8, Supply((10**6,)), needed)
    )
    assert little.params > plenty.params
    assert little.loss > plenty.loss


def test_budget_is_one_thing():
    with pytest.raises(InputError, match="either a time or FLOPs"):
        Budget(seconds=1.0, flops=1.0)
    with pytest.raises(InputError, match="either a time or FLOPs"):
        Budget()
