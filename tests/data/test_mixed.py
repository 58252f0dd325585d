import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.corpora import prose

from scalewright.data import Batches, prepare
from scalewright.data.mixed import MixedBatches, MixedDataset
from scalewright.errors import InputError

SOURCES = [np.arange(1000, 1061), np.arange(2000, 2101), np.arange(3000, 3031)]
WEIGHTS = [0.5, 0.3, 0.2]


def source_of(row: np.ndarray) -> int:
    return int(row[0]) // 1000 - 1


def test_proportions_and_epochs_of_each_source():
    batches = MixedBatches(SOURCES, WEIGHTS, context=5, batch_size=7, seed=3)
    rows = [row for step in range(200) for row in batches.batch(step)]
    seen = [0, 0, 0]
    for number, row in enumerate(rows, start=1):
        seen[source_of(row)] += 1
        assert all(abs(count - number * share) < 1 + 1e-9 for count, share in zip(seen, WEIGHTS, strict=True))
    assert batches.epochs(200) == pytest.approx([seen[0] / 12, seen[1] / 20, seen[2] / 6])
    for number, windows in enumerate((12, 20, 6)):
        own = [tuple(row) for row in rows if source_of(row) == number]
        whole = {tuple(SOURCES[number][start : start + 6]) for start in range(0, 5 * windows, 5)}
        epochs = [own[start : start + windows] for start in range(0, len(own) - windows + 1, windows)]
        assert len(epochs) > 5
        assert all(Counter(epoch) == Counter(whole) for epoch in epochs)
        assert epochs[0] != epochs[1]


@given(st.integers(0, 40), st.integers(1, 8), st.lists(st.integers(0, 8), max_size=3))
def test_shares_make_up_the_batch_and_its_size_changes_no_row(step: int, size: int, cuts: list[int]):
    whole = MixedBatches(SOURCES, WEIGHTS, 5, size, 3).batch(step)
    assert whole.shape == (size, 6)
    borders = [0, *sorted(cut for cut in cuts if cut <= size), size]
    shares = [
        MixedBatches(SOURCES, WEIGHTS, 5, size, 3).batch(step, first, end - first)
        for first, end in itertools.pairwise(borders)
    ]
    assert np.array_equal(np.concatenate(shares), whole)
    single = MixedBatches(SOURCES, WEIGHTS, 5, 1, 3)
    assert np.array_equal(np.concatenate([single.batch(step * size + row) for row in range(size)]), whole)


def test_a_mixture_of_one_is_that_one():
    mixed, plain = MixedBatches(SOURCES[:1], [3], 5, 4, 8), Batches(SOURCES[0], 5, 4, 8)
    assert all(np.array_equal(mixed.batch(step), plain.batch(step)) for step in range(10))


def test_sources_of_one_length_go_through_orders_of_their_own():
    batches = MixedBatches([np.arange(501), np.arange(501)], [1, 1], 1, 1000, 0)
    sources, _ = batches.mixture.rows(0, 1000)
    starts = batches.batch(0)[:, 0]
    # Two independent permutations agree in one place on average (Poisson).
    assert (starts[sources == 0] == starts[sources == 1]).sum() < 10


def test_what_does_not_fit():
    with pytest.raises(InputError, match="3 sources and 2 weights"):
        MixedBatches(SOURCES, [1, 2], 5, 4, 0)
    with pytest.raises(InputError, match="31 tokens do not fill one window of context 40"):
        MixedBatches(SOURCES, WEIGHTS, 40, 4, 0)


def test_datasets_of_one_tokenizer(tmp_path: Path):
    for number, name in enumerate(("a", "b", "c")):
        (tmp_path / name).mkdir()
        for file in range(45):
            (tmp_path / name / f"{file}.txt").write_text(prose(100 * number + file, 80))
        prepare([name], tmp_path / f"data-{name}", base=tmp_path, tokenizer="bytes" if name < "c" else "bpe:300")
    folders = [tmp_path / "data-a", tmp_path / "data-b"]
    mixed = MixedDataset.open([(folders[0], 0.75), (folders[1], 0.25)])
    rows = mixed.batches(16, 8, 0).batch(0)
    plain = Batches(mixed.datasets[0].tokens("train"), 16, 6, 0)
    sources, _ = mixed.mixture.rows(0, 8)
    assert np.array_equal(rows[sources == 0], plain.batch(0))
    assert mixed.hash == MixedDataset.open([(folders[0], 3), (folders[1], 1)]).hash
    others = ([(folders[0], 1), (folders[1], 1)], [(folders[1], 3), (folders[0], 1)], [(folders[0], 3)])
    assert len({mixed.hash, *(MixedDataset.open(each).hash for each in others)}) == 4
    with pytest.raises(InputError, match=r"data-c: another tokenizer than that of .*data-a"):
        MixedDataset.open([(folders[0], 1), (tmp_path / "data-c", 1)])


def test_each_source_repeats_its_share_of_the_unique_tokens():
    batches = MixedBatches(SOURCES, WEIGHTS, context=5, batch_size=10, seed=3, unique_tokens=100)
    whole = MixedBatches(SOURCES, WEIGHTS, context=5, batch_size=10, seed=3)
    rows = [tuple(row) for step in range(30) for row in batches.batch(step)]
    assert Counter(source_of(np.array(row)) for row in set(rows)) == {0: 10, 1: 6, 2: 4}
    # Until it sets in, they are those without repetition.
    assert rows[:20] == [tuple(row) for step in range(2) for row in whole.batch(step)]
