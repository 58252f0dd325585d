"""How long a training that is described by hand is."""

import pytest

pytest.importorskip("torch")
from hypothesis import given
from hypothesis import strategies as st

from scalewright.pipeline.by_hand import _steps
from scalewright.training.batch_warmup import BatchWarmup


@given(st.integers(1, 64), st.integers(0, 4), st.integers(4, 300), st.floats(1, 1e5))
def test_epochs_are_seen_whatever_the_first_batches(first, doublings, warmup, rows):
    """To half a batch, by counting the rows of each step."""
    batches = BatchWarmup(first, first * 2**doublings, warmup)
    steps = _steps(batches, rows)
    seen = sum(batches.rows(step) for step in range(steps))
    assert steps == 1 or abs(seen - rows) <= batches.full / 2
    if doublings == 0:
        assert steps == max(1, -(-(2 * rows - first) // (2 * first)))
