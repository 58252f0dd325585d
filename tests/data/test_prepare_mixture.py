"""Several sources prepared as one dataset."""

from pathlib import Path

import numpy as np
import pytest
from tests.data.corpora import prose

from scalewright.data import Dataset, WeightedSource, load_tokenizer, prepare
from scalewright.data.dataset import DatasetManifest
from scalewright.errors import InputError

SOURCES = [WeightedSource("a", ("a",), 0.75), WeightedSource("b", ("b/*.txt",), 0.25)]
PARTS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    for number, name in enumerate(("a", "b")):
        (folder / name).mkdir()
        for file in range(250):
            (folder / name / f"{file:02}.txt").write_text(name.upper() + prose(1000 * number + file, 40))
    for file in range(80):
        # Families of two sources, and a text that both have.
        (folder / "b" / f"near{file:02}.txt").write_text(
            "Another beginning\n" + (folder / "a" / f"{file:02}.txt").read_text()
        )
    (folder / "b" / "same.txt").write_text((folder / "a" / "100.txt").read_text())
    return folder


@pytest.fixture(scope="module")
def dataset(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return prepare(SOURCES, tmp_path_factory.mktemp("out") / "data", base=base, tokenizer="bytes")


def texts(dataset: Dataset, part: str) -> list[str]:
    tokens = dataset.tokens(part)[:]
    ends = np.flatnonzero(tokens == dataset.manifest.end_of_text)
    tokenizer = load_tokenizer(dataset.tokenizer_path)
    return [tokenizer.decode(found[found != 0].tolist()) for found in np.split(tokens, ends[:-1] + 1)]


def test_each_source_has_hold_outs_of_its_own_and_all_its_text(base: Path, dataset: Dataset):
    a, b = (source.dataset for source in dataset.sources)
    of_a, of_b = ([text for part in PARTS for text in texts(each, part)] for each in (a, b))
    assert sorted(of_a) == sorted(path.read_text() for path in (base / "a").iterdir())
    # What both have belongs to the first.
    assert sorted(of_b) == sorted(path.read_text() for path in (base / "b").iterdir() if path.name != "same.txt")
    for part in PARTS:
        assert np.array_equal(dataset.tokens(part)[:], np.concatenate([a.tokens(part)[:], b.tokens(part)[:]]))
        assert dataset.manifest.splits[part].documents == len(texts(a, part)) + len(texts(b, part))
    for each in (a, b):
        assert (
            0.07 < each.manifest.splits["validation"].bytes / sum(s.bytes for s in each.manifest.splits.values()) < 0.13
        )


def test_families_of_two_sources_stay_on_one_side(base: Path, dataset: Dataset):
    side = {text: part for part in PARTS for text in texts(dataset, part)}
    sides = []
    for file in range(80):
        text = (base / "a" / f"{file:02}.txt").read_text()
        assert side[text] == side["Another beginning\n" + text]
        sides.append(side[text])
    assert set(sides) != {"train"}


def test_what_identifies_it(base: Path, dataset: Dataset, tmp_path: Path):
    assert Dataset.open(dataset.folder, verify_checksums=True).hash == dataset.hash
    inode = (dataset.folder / "manifest.json").stat().st_ino
    again = [WeightedSource("a", ("a",), 3), WeightedSource("b", ("b",), 1)]
    assert prepare(again, dataset.folder, base=base, tokenizer="bytes").hash == dataset.hash
    assert (dataset.folder / "manifest.json").stat().st_ino == inode
    other = prepare([SOURCES[0], WeightedSource("b", ("b",), 0.5)], tmp_path / "data", base=base, tokenizer="bytes")
    assert other.hash != dataset.hash
    assert other.manifest.supply.shares == pytest.approx((0.6, 0.4))
    # One text, prepared before there were mixtures.
    plain = prepare(["a"], tmp_path / "plain", base=base, tokenizer="bytes")
    assert plain.sources == ()
    told = plain.manifest.model_dump(mode="json", exclude={"mixture"})
    assert DatasetManifest.model_validate(told) == plain.manifest


def test_density_and_supply_are_those_of_the_mixture(dataset: Dataset):
    manifest = dataset.manifest
    parts = [source.splits["train"] for source in manifest.mixture]
    expected = 0.75 * parts[0].bytes / parts[0].tokens + 0.25 * parts[1].bytes / parts[1].tokens
    assert manifest.density("train") == manifest.bytes_per_token == pytest.approx(expected)
    assert manifest.supply.tokens == tuple(part.tokens for part in parts)


def test_the_tokenizer_learns_from_all_sources(tmp_path: Path):
    for name, word in (("x", "quorum "), ("y", "zephyr ")):
        (tmp_path / name).mkdir()
        for file in range(60):
            draw = np.random.default_rng(file)
            lines = [word * 3 + "".join(draw.choice(list("abcdefgh"), 12)) for _ in range(800)]
            (tmp_path / name / f"{file}.txt").write_text("\n".join(lines))
    sources = [WeightedSource("x", ("x",), 1), WeightedSource("y", ("y",), 1)]
    # It learns from the first 1.2 MB, and each source has more.
    made = prepare(sources, tmp_path / "data", base=tmp_path, tokenizer="bpe:300")
    words = load_tokenizer(made.tokenizer_path).get_vocab()
    assert any("uoru" in token for token in words)
    assert any("ephy" in token for token in words)


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ([("a", "a", 1), ("a", "b", 1)], "source 'a': 2 have this name"),
        ([("a", "a", 1), ("b", "a/0*.txt", 1)], "a/00.txt: in source 'a' and in 'b': a file belongs to one source"),
        ([("a", "a", 1), ("b", "b", 0)], "weight 0: expected a positive number"),
        ([("a b", "a", 1)], "source 'a b': expected a name of letters"),
        ([("a", "a", 1), ("b", "none", 1)], "source 'b': none: no such file or folder"),
        ([("a", "a", 1), ("c", "c", 1)], "source 'c': no text of its own"),
        ([("a", "a", 1), ("d", "d", 1)], "source 'd': 1 independent documents"),
    ],
)
def test_what_makes_no_sense(base: Path, tmp_path: Path, sources: list[tuple[str, str, float]], said: str):
    for name, text in (("c", (base / "a" / "100.txt").read_text()), ("d", "A short one.")):
        (base / name).mkdir(exist_ok=True)
        (base / name / "only.txt").write_text(text)
    with pytest.raises(InputError, match=said):
        prepare([WeightedSource(name, (data,), weight) for name, data, weight in sources], tmp_path / "data", base=base)
    assert not (tmp_path / "data").exists()
