from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewright.data.split import hold_out_bytes, split
from scalewright.errors import InputError

EVENLY = (0.04, 0.04)


def singles(count: int) -> list[tuple[int]]:
    return [(index,) for index in range(count)]


@pytest.mark.parametrize(
    ("total", "fraction", "expected"),
    [
        (10_000_000, 0.04, 400_000),
        (2_000_000, 0.04, 150_000),
        (1_000_000, 0.04, 100_000),
        (1_000_000, 0.20, 200_000),
        (77_000_000, 0.04, 1_500_000),
    ],
)
def test_size_aimed_at(total: int, fraction: float, expected: int):
    assert hold_out_bytes(total, fraction) == expected


@st.composite
def collections(draw: st.DrawFn) -> tuple[list[tuple[int, ...]], list[int]]:
    lengths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=40))
    sizes = draw(st.lists(st.integers(1, 50_000), min_size=sum(lengths), max_size=sum(lengths)))
    indices = iter(draw(st.permutations(range(sum(lengths)))))
    return [tuple(next(indices) for _ in range(length)) for length in lengths], sizes


@given(collections(), st.integers(0, 5))
def test_every_document_is_in_one_part_with_its_whole_group(
    collection: tuple[list[tuple[int, ...]], list[int]], seed: int
):
    groups, sizes = collection
    try:
        parts = split(groups, sizes, EVENLY, seed)
    except InputError:
        assert len(groups) < 3
        return
    assert len(groups) >= 3
    assert sorted([*parts.train, *parts.validation, *parts.test]) == list(range(len(sizes)))
    assert parts.train
    assert parts.validation
    assert parts.test
    for group in groups:
        assert sum(not set(group).isdisjoint(part) for part in (parts.train, parts.validation, parts.test)) == 1
    assert parts == split(groups, sizes, EVENLY, seed)


def test_sizes_are_met_within_one_group():
    sizes = [10_000] * 1000
    parts = split(singles(1000), sizes, EVENLY, 0)
    assert len(parts.validation) == len(parts.test) == 40
    assert parts != split(singles(1000), sizes, EVENLY, 1)


def test_a_family_larger_than_the_hold_out_is_trained_on():
    groups: list[Sequence[int]] = [tuple(range(100)), *((index,) for index in range(100, 1000))]
    for seed in range(20):
        parts = split(groups, [10_000] * 1000, EVENLY, seed)
        assert set(range(100)) <= set(parts.train)


def test_large_documents_are_held_out_where_the_small_ones_are_too_little():
    parts = split(singles(42), [*[1_000_000] * 40, 100, 100], (0.01, 0.01), 0)
    assert sum(index < 40 for index in parts.validation) == 1
    assert sum(index < 40 for index in parts.test) == 1


def test_one_large_document_beside_two_small_ones():
    assert split(singles(3), [1_000_000, 10, 10], EVENLY, 0).train == (0,)


def test_too_little_text():
    with pytest.raises(InputError, match=r"2 independent documents of 10 bytes in all .*more text is needed"):
        split([(0, 2), (1,)], [4, 3, 3], EVENLY, 0)


@pytest.mark.parametrize("fractions", [(0.0, 0.1), (0.5, 0.5), (-0.1, 0.1)])
def test_fractions_out_of_bounds(fractions: tuple[float, float]):
    with pytest.raises(InputError, match="fractions"):
        split(singles(9), [1] * 9, fractions, 0)


@given(collections(), st.integers(0, 5), st.integers(1, 3))
def test_each_source_is_held_out_and_families_across_them_stay_whole(
    collection: tuple[list[tuple[int, ...]], list[int]], seed: int, count: int
):
    groups, sizes = collection
    sources = [index % count for index in range(len(sizes))]
    try:
        parts = split(groups, sizes, EVENLY, seed, sources, [f"s{number}" for number in range(count)])
    except InputError:
        # Of no source are there enough independent documents, or all of one are tied to others.
        assert len(groups) < 3 or count > 1
        return
    for group in groups:
        assert sum(not set(group).isdisjoint(part) for part in (parts.train, parts.validation, parts.test)) == 1
    for source in set(sources):
        assert all(
            any(sources[index] == source for index in part) for part in (parts.train, parts.validation, parts.test)
        )


def test_hold_outs_of_each_source_have_its_size():
    sizes = [10_000] * 1000 + [1_000] * 1000
    parts = split(singles(2000), sizes, EVENLY, 0, [0] * 1000 + [1] * 1000, ["a", "b"])
    for part in (parts.validation, parts.test):
        assert sum(index < 1000 for index in part) == 40
        assert sum(index >= 1000 for index in part) == 100
