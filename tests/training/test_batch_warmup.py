"""Batches that grow: how many rows, which rows, how hot."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scalewright.tasks import task_named
from scalewright.training import train
from scalewright.training.batch_warmup import BatchWarmup, GrowingBatches, batch_warmup, growing

from ..kills import KillAt, KilledError

LANGUAGE = task_named("language")


@st.composite
def warmups(draw):
    full = draw(st.integers(2, 70))
    first = draw(st.integers(1, full - 1))
    doublings = len([k for k in range(10) if first * 2**k < full])
    return BatchWarmup(first, full, draw(st.integers(doublings, 60)))


def test_by_hand():
    warmup = BatchWarmup(first=2, full=12, steps=6)
    assert [warmup.rows(step) for step in range(9)] == [2, 2, 4, 4, 8, 8, 12, 12, 12]
    assert [warmup.rows_before(step) for step in range(9)] == [0, 2, 4, 8, 12, 20, 28, 40, 52]


@given(warmup=warmups(), steps=st.integers(0, 100))
def test_rows_are_counted_right(warmup, steps):
    rows = [warmup.rows(step) for step in range(steps)]
    assert warmup.rows_before(steps) == sum(rows)
    assert all(before <= after <= 2 * before for before, after in pairwise(rows) if after < warmup.full)
    assert all(row == warmup.full for row in rows[warmup.steps :])
    assert all(row < warmup.full for row in rows[: warmup.steps])


@given(warmup=warmups(), steps=st.integers(1, 80))
def test_each_row_comes_once_and_in_order(warmup, steps):
    batch = numbered(warmup.full)

    batches = GrowingBatches(batch, warmup)
    parts = [batches(step) for step in range(steps)]
    rows = torch.cat([part[0] for part in parts])
    assert torch.equal(rows, torch.arange(warmup.rows_before(steps)))
    assert torch.equal(torch.cat([part[1] for part in parts])[:, 0], -rows)
    # Resumed anywhere, it needs no state.
    for step in (0, steps // 2, steps - 1):
        assert torch.equal(GrowingBatches(batch, warmup)(step)[0], parts[step][0])


@given(warmup=warmups(), step=st.integers(0, 80), data=st.data())
def test_shares_make_up_the_batch_and_make_nothing_else(warmup, step, data):
    made = []
    batches = GrowingBatches(numbered(warmup.full, made), warmup)
    rows = warmup.rows(step)
    whole = batches(step)
    made.clear()
    borders = [0, *sorted(data.draw(st.lists(st.integers(0, rows), max_size=3))), rows]
    shares = [batches(step, first, end - first) for first, end in pairwise(borders)]
    assert all(torch.equal(torch.cat(parts), one) for parts, one in zip(zip(*shares, strict=True), whole, strict=True))
    assert sum(made) == rows
    with pytest.raises(IndexError, match=f"of a batch of {rows}"):
        batches(step, 1, rows)


def numbered(full, made=None):
    def batch(number, first=0, count=None):
        rows = torch.arange(number * full, (number + 1) * full)[first:][:count]
        if made is not None:
            made.append(len(rows))
        return rows, -rows[:, None]

    return batch


def test_without_a_warmup_batches_are_the_tasks_own(trunk):
    def batch(step, first=0, count=None):
        return (torch.zeros(4),)

    assert growing(batch, trunk().recipe) is batch
    assert [batch_warmup(trunk().recipe).rows(step) for step in (0, 1, 1000)] == [4, 4, 4]
    assert trunk().tokens_after(7) == 7 * trunk().tokens_per_step


@pytest.mark.parametrize(("optimiser", "share"), [("adamw", 0.5), ("muon", 0.5), ("sgd", 0.25)])
def test_the_rate_goes_with_the_rows(trunk, optimiser, share):
    plain, warmed = (
        trunk((20,), recipe={"optimiser": optimiser, **changes}).schedule(20)
        for changes in ({}, {"first_batch_size": 1, "batch_warmup_steps": 8})
    )
    assert warmed.branch == plain.branch == 16
    for step in range(20):
        times = share if step < 4 else share**0.5 if step < 8 else 1.0
        assert warmed.factor(step) == pytest.approx(times * plain.factor(step))


def test_a_run_counts_its_tokens_and_resumes(trunk, dataset, tmp_path):
    asked = trunk((8, 20), recipe={"first_batch_size": 1, "batch_warmup_steps": 6})
    calm = list(train(asked, LANGUAGE, dataset, tmp_path / "calm"))
    assert [one.tokens for one in calm] == [32 * (3 * 1 + 3 * 2 + 2 * 4), 32 * (3 * 1 + 3 * 2 + 14 * 4)]
    assert calm[1].flops == calm[1].tokens * asked.shape.train_flops_per_token
    assert calm[1].curve[-1][0] == calm[1].tokens
    with pytest.raises(KilledError):
        list(train(asked, LANGUAGE, dataset, tmp_path / "cut", checkpoint_seconds=0, progress=KillAt(5)))
    assert [one.loss for one in train(asked, LANGUAGE, dataset, tmp_path / "cut")] == [one.loss for one in calm]
