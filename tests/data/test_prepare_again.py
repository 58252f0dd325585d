"""Whatever happens on the way, and however many work at it: the same bytes as before."""

import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from tests.data.corpora import in_memory, kinds, many, one, prose

from scalewright.data import Dataset, prepare
from scalewright.errors import InputError, WorkError

# What the code gave that held everything in memory: the dataset's hash, and (where no packer's version decides) that of
# all files of it.
OPTIONS = {
    "auto": {},
    "bytes": {"tokenizer": "bytes", "seed": 3, "validation": 0.1},
    "bpe": {"tokenizer": "bpe:300"},
}
RECORDED = [
    (many, "auto", "002f2968bba13b7a", "0fbe6c82b14eb4b3"),
    (many, "bytes", "0af3e0de9cca60a0", "6e3035f00a076733"),
    (many, "bpe", "9cddf8cfd8dabf59", "fac1cf2b8704f894"),
    (one, "auto", "63b27296405db2bd", "bb7439144c8ff920"),
    (one, "bytes", "e59b09f2431c6dab", "f482fb67e29a04f8"),
    (one, "bpe", "154ab67d7e432004", "4218d54954f2460f"),
    (kinds, "auto", "6e54435f51411f58", None),
    (kinds, "bytes", "1d6867ee16187cc5", None),
    (kinds, "bpe", "d16dce6a50634e1c", None),
]

SCRIPT = """
import os, signal, sys
from pathlib import Path
import scalewright.data.encoding, scalewright.data.preparation
from scalewright.data import prepare

SMALL

def kill(stage, fraction):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    left = int(sys.argv[2])
    prepare(["text"], Path("data"), base=Path("."), progress=kill, processes=int(sys.argv[1]))
"""
SMALL = {
    "preparation.SHARD_TOKENS": 20_011,
    "preparation.CHECKPOINT_BYTES": 30_000,
    "preparation.SIGNED_BYTES": 10_000,
    "preparation.BLOCK_BYTES": 7_000,
    "encoding.BLOCK_BYTES": 7_000,
}


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many shards, blocks and checkpoints of a small corpus."""
    for name, value in SMALL.items():
        monkeypatch.setattr(f"scalewright.data.{name}", value)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    (folder / "text").mkdir()
    many(folder / "text")
    return folder


@pytest.fixture
def expected(base: Path, tmp_path_factory: pytest.TempPathFactory, small: None) -> str:
    dataset = prepare(["text"], tmp_path_factory.mktemp("whole") / "data", base=base)
    assert len(dataset.manifest.splits["train"].shards) > 5
    return digest(dataset.folder)


@pytest.mark.parametrize(("make", "options", "recorded", "files"), RECORDED)
def test_the_bytes_are_those_of_before(
    tmp_path: Path, make: Callable[[Path], None], options: str, recorded: str, files: str | None
):
    (tmp_path / "text").mkdir()
    make(tmp_path / "text")
    dataset = prepare(["text"], tmp_path / "data", base=tmp_path, **OPTIONS[options])
    assert dataset.hash == recorded
    assert files in (None, digest(dataset.folder))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("make", [many, one, kinds])
def test_the_tokens_are_those_of_everything_held_in_memory(tmp_path: Path, make: Callable[[Path], None]):
    (tmp_path / "text").mkdir()
    make(tmp_path / "text")
    truth = in_memory(tmp_path, 300, (0.05, 0.03), seed=7)
    dataset = prepare(
        ["text"], tmp_path / "data", base=tmp_path, tokenizer="bpe:300", seed=7, validation=0.05, test=0.03
    )
    for name, tokens in truth.items():
        assert np.array_equal(dataset.tokens(name)[:], tokens)


@pytest.mark.parametrize("processes", [1, 3])
def test_any_number_of_processes_makes_the_same(base: Path, tmp_path: Path, expected: str, processes: int):
    assert digest(prepare(["text"], tmp_path / "data", base=base, processes=processes).folder) == expected
    assert os.listdir(tmp_path) == ["data"]


def test_a_disk_that_is_full_at_any_moment(base: Path, tmp_path: Path, expected: str, monkeypatch: pytest.MonkeyPatch):
    fsync, left = os.fsync, 0

    def full(file: int) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise OSError(28, "No space left on device")
        fsync(file)

    monkeypatch.setattr(os, "fsync", full)
    moment = 0
    while not (tmp_path / "data").exists():
        moment += 7
        left = moment
        with suppress(WorkError):
            prepare(["text"], tmp_path / "data", base=base)
        # Nothing but the hidden folder, whose work goes on in the next call: each of them gets further.
        assert len(os.listdir(tmp_path)) == 1
    assert digest(tmp_path / "data") == expected
    assert moment > 20


def test_a_full_disk_is_told(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WorkError, match="could not be written: No space left on device; what is finished is kept"):
        prepare(["text"], tmp_path / "data", base=base)
    assert not (tmp_path / "data").exists()


def test_it_goes_on_from_whole_shards(base: Path, tmp_path: Path, expected: str):
    def stop(stage: str, fraction: float) -> None:
        if stage == "encoding train" and fraction > 0.6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(["text"], tmp_path / "data", base=base, progress=stop)
    (work,) = tmp_path.iterdir()
    half = max((work / "dataset").glob("train-*.bin"))
    whole = {path: path.stat().st_mtime_ns for path in (work / "dataset").iterdir() if path != half}
    assert len(whole) > 3
    half.write_bytes(b"half")
    heard: list[tuple[str, float]] = []
    dataset = prepare(["text"], tmp_path / "data", base=base, progress=lambda *said: heard.append(said))
    assert digest(dataset.folder) == expected
    assert {stage for stage, _ in heard} == {"encoding train", "encoding validation", "encoding test"}
    assert heard[0][1] > 0.4
    for path, time_ns in whole.items():
        assert (dataset.folder / path.name).stat().st_mtime_ns == time_ns


def test_other_inputs_begin_anew(base: Path, tmp_path: Path, expected: str):
    def stop(stage: str, fraction: float) -> None:
        if stage == "encoding validation":
            raise KeyboardInterrupt

    shutil.copytree(base / "text", tmp_path / "text")
    for number in range(2):
        with pytest.raises(KeyboardInterrupt):
            prepare(["text"], tmp_path / "data", base=tmp_path, progress=stop, seed=number)
    (tmp_path / "text" / "new.txt").write_text(prose(500, 500))
    with pytest.raises(KeyboardInterrupt):
        prepare(["text"], tmp_path / "data", base=tmp_path, progress=stop)
    assert len(os.listdir(tmp_path)) == 2
    (tmp_path / "text" / "new.txt").unlink()
    assert digest(prepare(["text"], tmp_path / "data", base=tmp_path).folder) == expected
    assert sorted(os.listdir(tmp_path)) == ["data", "text"]


def test_a_damaged_record_begins_anew(base: Path, tmp_path: Path, expected: str):
    def stop(stage: str, fraction: float) -> None:
        if stage == "encoding test":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(["text"], tmp_path / "data", base=base, progress=stop)
    (work,) = tmp_path.iterdir()
    (work / "progress.json").write_text('{"files": 9')
    assert digest(prepare(["text"], tmp_path / "data", base=base).folder) == expected


def test_wrong_input_leaves_nothing(tmp_path: Path):
    (tmp_path / "a.txt").write_text("word")
    with pytest.raises(InputError, match="more text is needed"):
        prepare(["a.txt"], tmp_path / "data", base=tmp_path)
    assert os.listdir(tmp_path) == ["a.txt"]


def test_two_at_once_make_one(base: Path, tmp_path: Path, expected: str):
    (tmp_path / "text").symlink_to(base / "text")
    script = script_in(tmp_path.parent)
    workers = [subprocess.Popen([sys.executable, script, "1", "0"], cwd=tmp_path) for _ in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    assert digest(tmp_path / "data") == expected
    assert sorted(os.listdir(tmp_path)) == ["data", "text"]


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_killed_at_many_moments(base: Path, tmp_path: Path, expected: str, processes: int):
    (tmp_path / "text").symlink_to(base / "text")
    script = script_in(tmp_path.parent)
    kills = 0
    # Counted from where each one goes on: the further, the less is left.
    for moment in (1, 40, 20, 10, 5, 2, 1):
        left = subprocess.run([sys.executable, script, str(processes), str(moment)], cwd=tmp_path).returncode
        assert left in (0, -9)
        kills += left == -9
        assert (tmp_path / "data").exists() == (left == 0)
    subprocess.run([sys.executable, script, str(processes), "0"], cwd=tmp_path, check=True)
    Dataset.open(tmp_path / "data", verify_checksums=True)
    assert digest(tmp_path / "data") == expected
    assert kills >= 5


@pytest.mark.slow
def test_killed_at_any_time(base: Path, tmp_path: Path, expected: str):
    (tmp_path / "text").symlink_to(base / "text")
    script = script_in(tmp_path.parent)
    draw = random.Random(0)
    for _ in range(2):
        for _ in range(5):
            worker = subprocess.Popen([sys.executable, script, "1", "0"], cwd=tmp_path)
            time.sleep(draw.uniform(0.3, 2.0))
            worker.kill()
            worker.wait()
        subprocess.run([sys.executable, script, "1", "0"], cwd=tmp_path, check=True)
        assert digest(tmp_path / "data") == expected
        assert sorted(os.listdir(tmp_path)) == ["data", "text"]
        shutil.rmtree(tmp_path / "data")


def script_in(folder: Path) -> Path:
    settings = "\n".join(f"scalewright.data.{name} = {value}" for name, value in SMALL.items())
    script = folder / "script.py"
    script.write_text(SCRIPT.replace("SMALL", settings))
    return script
