import hashlib
import itertools
import random
import re
import sysconfig
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewright.data import (
    TextDocument,
    distinct,
    duplicates,
    near_duplicates,
    read_documents,
    standard_library_sources,
)
from scalewright.data.duplicates import Fingerprint, shingles, signature

POEM = "秦川雄帝宅，函谷壯皇居。綺殿千尋起，離宮百雉餘。" * 3


def documents(*texts: str) -> list[TextDocument]:
    return [TextDocument(str(number), text) for number, text in enumerate(texts)]


def words(seed: int, count: int) -> list[str]:
    draw = random.Random(seed)
    return [f"w{draw.randrange(5000)}" for _ in range(count)]


def runs(units: list[str] | str, width: int) -> set[tuple[str, ...]]:
    return {tuple(units[start : start + width]) for start in range(len(units) - width + 1)}


def jaccard(a: set[tuple[str, ...]], b: set[tuple[str, ...]]) -> float:
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)


def hashes(text: str) -> set[int]:
    return {int(each) for stretch in shingles(text) for each in stretch}


def test_exact_duplicates_up_to_blanks_at_line_ends():
    kept = distinct(documents("a\nb\n", "a  \nb\t\n\n", "a\n b\n", "a\nb", "c"))
    assert [document.name for document in kept] == ["0", "2", "4"]


def test_shingles_are_the_runs_of_words_or_of_characters():
    prose = words(0, 300)
    assert len(hashes("  ".join(prose[:150]) + "\n" + " ".join(prose[150:]))) == len(runs(prose, 5))
    assert len(hashes(POEM)) == len(runs(POEM, 10))
    assert len(hashes("a b")) == len(hashes("宅")) == 1
    assert len(hashes("")) == 0
    assert not hashes("one two three four five") & hashes("five four three two one")


@pytest.mark.parametrize("text", ["  ".join(words(0, 300)) + " \n", POEM, "", " ", "one", "one two"])
@pytest.mark.parametrize("stretch", [1, 7, 64])
def test_a_text_in_stretches_has_the_shingles_of_the_whole(monkeypatch, text, stretch):
    whole, its_hashes = signature(text), hashes(text)
    monkeypatch.setattr(duplicates, "_STRETCH", stretch)
    assert (signature(text) == whole).all()
    assert hashes(text) == its_hashes


@pytest.mark.parametrize("replaced", [0, 10, 40, 150, 600])
def test_equal_minima_estimate_jaccard(replaced: int):
    estimates, truths = [], []
    for seed in range(8):
        first = words(seed, 1000)
        second = words(seed + 100, replaced) + first[replaced:]
        truths.append(jaccard(runs(first, 5), runs(second, 5)))
        estimates.append((signature(" ".join(first)) == signature(" ".join(second))).mean())
    # 8 x 128 Bernoulli draws: five standard errors.
    truth = float(np.mean(truths))
    assert abs(np.mean(estimates) - truth) <= 5 * np.sqrt(truth * (1 - truth) / 1024) + 1e-12


def test_families_are_grouped_and_strangers_are_not():
    texts = []
    for family in range(30):
        base = words(family, 400)
        texts += [" ".join(words(1000 + 10 * family + child, 20) + base) for child in range(family % 3 + 1)]
    assert [len(group) for group in near_duplicates(documents(*texts))] == [1, 2, 3] * 10


def test_a_chain_is_one_group():
    stream = words(7, 1000)
    chain = [" ".join(stream[start : start + 400]) for start in range(0, 600, 60)]
    assert jaccard(runs(chain[0].split(), 5), runs(chain[-1].split(), 5)) == 0
    assert near_duplicates(documents(*chain)) == [tuple(range(len(chain)))]


def test_groups_of_the_real_encodings_are_those_of_brute_force():
    folder = Path(sysconfig.get_path("stdlib"), "encodings")
    files = read_documents(["cp*.py", "iso8859_*.py"], folder).documents
    groups = near_duplicates(files)
    group_of = {index: number for number, group in enumerate(groups) for index in group}
    sets = [runs(file.text.split(), 5) for file in files]
    similarity = np.eye(len(files))
    for a, b in itertools.combinations(range(len(files)), 2):
        similarity[a, b] = similarity[b, a] = jaccard(sets[a], sets[b])

    near = [(a, b) for a, b in np.argwhere(similarity >= 0.6).tolist() if a < b]
    assert len(near) > 50
    assert [(files[a].name, files[b].name) for a, b in near if group_of[a] != group_of[b]] == []
    for group in groups:
        if len(group) > 1:
            inside = similarity[np.ix_(group, group)] - np.eye(len(group))
            assert inside.max(axis=1).min() > 0.4


def test_tables_of_the_real_library_are_one_family_where_brute_force_says_so():
    folder = Path(sysconfig.get_path("stdlib"))
    files = distinct(read_documents(standard_library_sources(), folder).documents)
    group_of = {files[index].name: number for number, group in enumerate(near_duplicates(files)) for index in group}
    tables = {file.name: runs(file.text.split(), 5) for file in files if file.name.startswith("encodings/")}
    near = [(a, b) for a, b in itertools.combinations(tables, 2) if jaccard(tables[a], tables[b]) >= 0.24]
    assert len(near) > 200
    assert {"encodings/cp855.py", "encodings/cp864.py"} <= {name for pair in near for name in pair}
    assert [(a, b) for a, b in near if group_of[a] != group_of[b]] == []


def test_twenty_megabytes_in_seconds():
    text = " ".join(words(3, 50_000))
    many = documents(*(text[start : start + 4000] for start in range(0, 200_000, 40)))
    began = time.process_time()
    near_duplicates(many)
    assert sum(document.size_bytes for document in many) >= 20e6 * 0.99
    assert time.process_time() - began < 10


@given(st.lists(st.text(alphabet="ab \t\r\n\u2003\x1c", max_size=8)))
def test_fingerprints_of_blocks_are_those_of_the_text_without_its_blanks(blocks: list[str]):
    fingerprint = Fingerprint()
    for block in blocks:
        fingerprint.update(block)
    bare = re.sub(r"[^\S\n]+$", "", "".join(blocks), flags=re.MULTILINE).strip()
    assert fingerprint.digest() == hashlib.sha256(bare.encode()).digest()
    assert fingerprint.empty == (not bare)
