import hashlib
import itertools
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from tests.data.corpora import many, prose

from scalewright.data import (
    Dataset,
    distinct,
    load_tokenizer,
    near_duplicates,
    prepare,
    read_documents,
    split,
    standard_library_sources,
    train_bpe,
)
from scalewright.errors import InputError, WorkError

KILLED = """
import os, signal, sys
from pathlib import Path
from scalewright.data import prepare

def kill(stage, fraction):
    if stage == "encoding validation":
        os.kill(os.getpid(), signal.SIGKILL)

prepare(["text"], Path("data"), base=Path("."), progress=kill)
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    (folder / "text").mkdir()
    many(folder / "text")
    return folder


@pytest.fixture(scope="module")
def dataset(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return prepare(["text"], tmp_path_factory.mktemp("out") / "data", base=base)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def texts_of(dataset: Dataset, part: str) -> list[str]:
    tokenizer = load_tokenizer(dataset.tokenizer_path)
    tokens = dataset.tokens(part)[:]
    ends = np.flatnonzero(tokens == dataset.manifest.end_of_text)
    assert ends[-1] == len(tokens) - 1
    starts = [0, *(ends[:-1] + 1)]
    return [tokenizer.decode(tokens[start:end].tolist()) for start, end in zip(starts, ends, strict=True)]


def test_every_text_comes_back_from_one_split(dataset: Dataset, base: Path):
    parts = {name: texts_of(dataset, name) for name in ("train", "validation", "test")}
    expected = [path.read_text() for path in (base / "text").glob("[0-9n]*.txt")]
    assert sorted(itertools.chain(*parts.values())) == sorted(expected)
    for name, texts in parts.items():
        manifest = dataset.manifest.splits[name]
        assert manifest.documents == len(texts)
        assert manifest.bytes == sum(len(text.encode()) for text in texts)
        assert manifest.tokens == len(dataset.tokens(name)) == sum(shard.tokens for shard in manifest.shards)
    for number in range(5):
        original = prose(number, 700 + 10 * number)
        (side,) = [name for name, texts in parts.items() if original in texts]
        assert "A new beginning of it.\n" + original in parts[side]


def test_documents_are_in_random_order(dataset: Dataset, base: Path):
    train = texts_of(dataset, "train")
    names = {path.read_text(): index for index, path in enumerate(sorted((base / "text").glob("[0-9]*.txt")))}
    places = [names[text] for text in train if text in names]
    assert abs(np.corrcoef(places, range(len(places)))[0, 1]) < 0.4


def test_the_manifest_tells_how_it_came_about(dataset: Dataset):
    manifest = dataset.manifest
    assert manifest.name == "data"
    assert (manifest.skipped_count, manifest.skipped[0].name) == (1, "text/latin.txt")
    assert "latin.txt" in manifest.warnings[0]
    assert (manifest.duplicates_removed, manifest.near_duplicate_groups) == (5, 5)
    assert (manifest.tokenizer, manifest.vocabulary, manifest.token_type) == ("bpe", 512, "uint16")
    assert (manifest.cut, manifest.notes) == ((), ())
    assert len(manifest.sources) == 91
    train = manifest.splits["train"]
    assert manifest.bytes_per_token == pytest.approx(train.bytes / train.tokens)
    assert set(manifest.reasons) == {"vocabulary", "validation", "test"}
    assert f"{train.bytes:,} bytes" in manifest.reasons["vocabulary"].text


def test_the_tokenizer_is_trained_on_the_training_split_alone(dataset: Dataset):
    assert train_bpe(texts_of(dataset, "train"), 512).to_str(pretty=True) == dataset.tokenizer_path.read_text()


def test_twice_is_byte_identical_and_the_second_time_no_work(dataset: Dataset, base: Path, tmp_path: Path):
    again = prepare(["text"], tmp_path / "data", base=base)
    assert contents(again.folder) == contents(dataset.folder)
    assert again.hash == dataset.hash
    before = {path: path.stat().st_mtime_ns for path in again.folder.iterdir()}
    heard: list[str] = []
    prepare(["text"], tmp_path / "data", base=base, progress=lambda stage, fraction: heard.append(stage))
    assert heard == []
    assert {path: path.stat().st_mtime_ns for path in again.folder.iterdir()} == before


def test_other_inputs_replace_it(base: Path, tmp_path: Path):
    out = tmp_path / "data"
    first = prepare(["text"], out, base=base, tokenizer="bytes")
    for options in ({"seed": 1}, {"validation": 0.2}, {"test": 0.2}, {"tokenizer": "bpe:300"}):
        other = prepare(["text"], out, base=base, **{"tokenizer": "bytes", **options})
        assert other.manifest.inputs != first.manifest.inputs
        assert other.hash != first.hash
    assert other.manifest.vocabulary == 300
    assert other.manifest.reasons["vocabulary"].origin == "given"
    assert os.listdir(tmp_path) == ["data"]


def test_a_changed_source_is_noticed(tmp_path: Path):
    for number in range(50):
        (tmp_path / f"{number}.txt").write_text(prose(number, 300))
    first = prepare(["*.txt"], tmp_path / "data", base=tmp_path)
    (tmp_path / "7.txt").write_text(prose(99, 300))
    assert prepare(["*.txt"], tmp_path / "data", base=tmp_path).hash != first.hash
    Dataset.open(tmp_path / "data", verify_checksums=True)


def test_a_damaged_dataset_is_named_and_made_anew(base: Path, tmp_path: Path):
    out = tmp_path / "data"
    good = contents(prepare(["text"], out, base=base, tokenizer="bytes").folder)
    shard = out / "validation-00000.bin"
    shard.write_bytes(shard.read_bytes()[:-2])
    with pytest.raises(WorkError, match=r"validation-00000\.bin"):
        Dataset.open(out)
    assert contents(prepare(["text"], out, base=base, tokenizer="bytes").folder) == good
    content = shard.read_bytes()
    shard.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(WorkError, match=r"validation-00000\.bin"):
        Dataset.open(out, verify_checksums=True)
    (out / "tokenizer.json").write_text("{}")
    with pytest.raises(WorkError, match=r"tokenizer\.json"):
        Dataset.open(out)


def test_progress_rises_to_one_in_each_stage(base: Path, tmp_path: Path):
    heard: dict[str, list[float]] = {}
    prepare(
        ["text"],
        tmp_path / "data",
        base=base,
        progress=lambda stage, done: heard.setdefault(stage, []).append(done),
    )
    assert [stage.split()[0] for stage in heard] == [
        "reading",
        "finding",
        "training",
        "encoding",
        "encoding",
        "encoding",
    ]
    for fractions in heard.values():
        assert fractions == sorted(fractions)
        assert 0 <= fractions[0] <= fractions[-1] == 1


def test_killed_it_leaves_no_dataset(base: Path, tmp_path: Path):
    (tmp_path / "text").symlink_to(base / "text")
    assert subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path).returncode == -9
    assert not (tmp_path / "data").exists()
    prepare(["text"], tmp_path / "data", base=tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["data", "text"]


def test_what_is_no_dataset_is_never_replaced(base: Path, tmp_path: Path):
    (tmp_path / "mine").mkdir()
    for name in ("weights.bin", "train-00000.bin"):
        (tmp_path / "mine" / name).write_text("mine")
        with pytest.raises(InputError, match=f"holds {name}, and is no dataset"):
            prepare(["text"], tmp_path / "mine", base=base)
        (tmp_path / "mine" / name).unlink()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="a file; expected a folder"):
        prepare(["text"], tmp_path / "file", base=base)
    assert prepare(["text"], tmp_path / "mine", base=base, tokenizer="bytes").folder == tmp_path / "mine"


@pytest.mark.parametrize(("content", "says"), [("", "empty"), ("word", "more text is needed")])
def test_nothing_or_too_little_to_read(tmp_path: Path, content: str, says: str):
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(InputError, match=says):
        prepare(["a.txt"], tmp_path / "data", base=tmp_path)
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_wrong_option_is_told_before_the_work(base: Path, tmp_path: Path):
    with pytest.raises(InputError, match="expected auto"):
        prepare(["text"], tmp_path / "data", base=base, tokenizer="gpt", progress=lambda *_: pytest.fail("worked"))


def test_one_large_file_is_cut_and_says_so(tmp_path: Path):
    (tmp_path / "poems.txt").write_text("\n".join(f"{number}\n{prose(number, 40)}\n" for number in range(1500)))
    dataset = prepare(["poems.txt"], tmp_path / "data", base=tmp_path, tokenizer="bytes")
    assert dataset.manifest.cut == ("poems.txt",)
    assert "pieces of texts whose other pieces are trained on" in dataset.manifest.notes[0]
    assert sum(part.bytes for part in dataset.manifest.splits.values()) == (tmp_path / "poems.txt").stat().st_size


def test_open_what_is_not_there(tmp_path: Path):
    with pytest.raises(InputError, match="expected a dataset manifest"):
        Dataset.open(tmp_path)


def test_an_unknown_split(dataset: Dataset):
    with pytest.raises(InputError, match="expected one of train, validation, test"):
        dataset.tokens("dev")


def test_the_real_library_keeps_its_families_on_one_side():
    folder = Path(sysconfig.get_path("stdlib"))
    documents = distinct(read_documents(standard_library_sources(), folder).documents)
    groups = near_duplicates(documents)
    families = [["cp437", "cp850", "cp865", "cp866"], ["cp1252", "cp1254", "iso8859_1"], ["cp037", "cp500", "cp1140"]]
    index_of = {document.name: index for index, document in enumerate(documents)}
    sizes = [document.size_bytes for document in documents]
    for seed in range(20):
        parts = split(groups, sizes, (0.04, 0.04), seed)
        for family in families:
            sides = [
                [index_of[f"encodings/{name}.py"] in part for part in (parts.train, parts.validation, parts.test)]
                for name in family
            ]
            assert all(side == sides[0] for side in sides)
        for part in (parts.validation, parts.test):
            assert 0.04 <= sum(sizes[index] for index in part) / sum(sizes) < 0.08
