"""A held-out split's scores, by one alone and by several that share it."""

from fractions import Fraction
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scalewright.tasks import Among, score
from scalewright.tasks.task import HeldOut


class Numbers:
    """A task whose loss is the mean of a batch's numbers, and whose model is a doubling."""

    def __init__(self, sizes):
        generator = torch.Generator().manual_seed(0)
        self.batches = [torch.rand(size, generator=generator, dtype=torch.float64) for size in sizes]
        self.made = []

    def held_out(self, dataset, shape, split):
        return HeldOut(len(self.batches), lambda number: (self.made.append(number), (self.batches[number],))[1])

    def inputs(self, batch):
        return batch[0]

    def measures(self, outputs, batch):
        return {"loss": outputs.mean().item(), "above": (outputs > 1).double().mean().item()}


def scored(task, among=None):
    more = () if among is None else (among,)
    unmixed = SimpleNamespace(sources=())
    return score(task, lambda inputs: 2 * inputs, None, unmixed, "validation", "cpu", *more)


def test_it_is_the_mean_over_all_rows():
    task = Numbers([4, 4, 3])
    rows = [Fraction(number) for batch in task.batches for number in batch.tolist()]
    found = scored(task)
    assert found.loss == pytest.approx(float(2 * sum(rows) / len(rows)), rel=1e-14)
    assert found.metrics == {"above": pytest.approx(sum(row > Fraction(1, 2) for row in rows) / len(rows))}
    assert task.made == [0, 1, 2]


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=9), count=st.integers(1, 12))
def test_shared_it_is_bit_for_bit_the_same(sizes, count):
    # Each place once to hear what it would tell, and once with what all tell.
    told, shares = [], []
    for place in range(count):
        task = Numbers(sizes)
        scored(task, Among(place, count, lambda sums: (told.append(sums), sums.nan_to_num(1) + 1)[1]))
        shares.append(task.made)
    together = torch.stack(told).sum(0)
    assert all(
        scored(Numbers(sizes), Among(n, count, lambda sums: together)) == scored(Numbers(sizes)) for n in range(count)
    )
    # All compute equally often, which gathering shared weights asks for, and none more than its share.
    assert {len(made) for made in shares} == {-(-len(sizes) // count)}
    assert {number for made in shares for number in made} == set(range(len(sizes)))
