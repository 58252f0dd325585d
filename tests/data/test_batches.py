import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewright.data import Batches, windows
from scalewright.errors import InputError


@given(st.integers(2, 300), st.integers(1, 9), st.integers(1, 7), st.integers(0, 3))
def test_every_window_once_an_epoch(length: int, context: int, batch_size: int, seed: int):
    tokens = np.arange(length)
    if length < context + 1:
        with pytest.raises(InputError, match=f"context {context}"):
            Batches(tokens, context, batch_size, seed)
        return
    batches = Batches(tokens, context, batch_size, seed)
    expected = {tuple(range(start, start + context + 1)) for start in range(0, length - context, context)}
    count = len(expected)
    assert batches.windows == count
    rows = [tuple(row) for step in range(-(-3 * count // batch_size)) for row in batches.batch(step)]
    for epoch in range(3):
        assert Counter(rows[epoch * count : (epoch + 1) * count]) == Counter(expected)


def test_each_token_but_the_first_is_a_target_once():
    batches = Batches(np.arange(61), 4, 5, 0)
    targets = np.concatenate([batches.batch(step)[:, 1:].ravel() for step in range(3)])
    assert sorted(targets) == list(range(1, 61))


def test_a_batch_depends_on_its_step_alone():
    tokens = np.arange(1000) % 251
    forward = Batches(tokens, 8, 16, 5)
    first = [forward.batch(step) for step in range(40)]
    backward = Batches(tokens, 8, 16, 5)
    for step in reversed(range(40)):
        assert np.array_equal(backward.batch(step), first[step])
    assert first[0].dtype == np.int64
    assert first[0].shape == (16, 9)


@given(st.integers(1, 9), st.lists(st.integers(0, 9), max_size=4), st.integers(0, 30))
def test_shares_make_up_the_batch(batch_size: int, cuts: list[int], step: int):
    batches = Batches(np.arange(101), 7, batch_size, 3)
    borders = [0, *sorted(cut for cut in cuts if cut <= batch_size), batch_size]
    shares = [
        Batches(np.arange(101), 7, batch_size, 3).batch(step, first, end - first)
        for first, end in itertools.pairwise(borders)
    ]
    assert np.array_equal(np.concatenate(shares), batches.batch(step))
    assert np.array_equal(batches.batch(step, borders[1]), batches.batch(step)[borders[1] :])


@pytest.mark.parametrize(("first", "count"), [(-1, 2), (0, 5), (3, 2), (5, None), (2, -1)])
def test_rows_that_a_batch_has_not(first: int, count: int | None):
    with pytest.raises(IndexError, match="of a batch of 4"):
        Batches(np.arange(101), 7, 4, 3).batch(0, first, count)


def test_orders_differ_by_epoch_and_seed():
    tokens = np.arange(4001)
    batches = Batches(tokens, 4, 1000, 0)
    starts = [batches.batch(step)[:, 0] for step in range(2)]
    other = Batches(tokens, 4, 1000, 1).batch(0)[:, 0]
    for a, b in ((starts[0], starts[1]), (starts[0], other)):
        # Two independent permutations agree in one place on average (Poisson).
        assert (a == b).sum() < 10
        assert abs(np.corrcoef(a, b)[0, 1]) < 0.15


def test_repeated_tokens_are_those_of_the_first_steps():
    everything, repeated = Batches(np.arange(1000), 10, 4, 0), Batches(np.arange(1000), 10, 4, 0, unique_tokens=120)
    assert repeated.windows == 12
    for step in range(3):
        assert np.array_equal(repeated.batch(step), everything.batch(step))
    seen = [tuple(row) for step in range(3) for row in repeated.batch(step)]
    for epoch in (1, 2):
        rows = [tuple(row) for step in range(3 * epoch, 3 * epoch + 3) for row in repeated.batch(step)]
        assert sorted(rows) == sorted(seen)
        assert rows != seen
    with pytest.raises(InputError, match="1,001 unique tokens asked for, the data hold 1,000"):
        Batches(np.arange(1000), 10, 4, 0, unique_tokens=1001)


@given(st.integers(2, 200), st.integers(1, 9), st.integers(1, 250))
def test_evaluation_windows_are_in_order_and_limited(length: int, context: int, limit: int):
    tokens = np.arange(length, dtype=np.uint16)
    expected = [
        range(start, start + context + 1)
        for start in range(0, length, context)
        if start + context < length and start + context <= limit
    ]
    if not expected:
        with pytest.raises(InputError):
            windows(tokens, context, limit)
        return
    found = windows(tokens, context, limit)
    assert found.dtype == np.int64
    assert found.tolist() == [list(each) for each in expected]
    assert found.flags.owndata
