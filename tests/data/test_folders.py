import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scalewright.data.folders import remove_folder, whole_folder, work_folder

KILLED = """
import os, signal, sys
from pathlib import Path
from scalewright.data.folders import whole_folder
with whole_folder(Path(sys.argv[1])) as part:
    (part / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_folder_appears_whole_and_readable_to_others(tmp_path: Path):
    with whole_folder(tmp_path / "deep" / "data") as part:
        (part / "a").write_text("a")
        assert os.listdir(tmp_path / "deep") == [part.name]
    assert os.listdir(tmp_path / "deep") == ["data"]
    assert (tmp_path / "deep" / "data" / "a").read_text() == "a"
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "deep" / "data").stat().st_mode & 0o777 == 0o777 & ~mask


def test_it_takes_the_place_of_an_earlier_one(tmp_path: Path):
    for content in ("old", "new"):
        with whole_folder(tmp_path / "data") as part:
            (part / content).write_text(content)
    assert os.listdir(tmp_path) == ["data"]
    assert os.listdir(tmp_path / "data") == ["new"]


def test_a_failure_leaves_the_earlier_one_and_nothing_else(tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "old").write_text("old")

    def fail() -> None:
        with whole_folder(tmp_path / "data") as part:
            (part / "half").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert os.listdir(tmp_path) == ["data"]
    assert os.listdir(tmp_path / "data") == ["old"]


def test_what_a_killed_process_left_is_cleared_but_not_what_a_living_one_writes(tmp_path: Path):
    data = tmp_path / "data"
    assert subprocess.run([sys.executable, "-c", KILLED, data]).returncode == -9
    (abandoned,) = os.listdir(tmp_path)
    assert not data.exists()
    with whole_folder(data) as first:
        assert os.listdir(tmp_path) == [first.name] != [abandoned]
        with whole_folder(data):
            assert first.exists()
    assert os.listdir(tmp_path) == ["data"]


def test_the_work_of_one_key_is_kept_that_of_others_cleared(tmp_path: Path):
    data = tmp_path / "data"

    def fail(key: str) -> None:
        with work_folder(data, key) as part:
            (part / key).write_text("begun")
            raise RuntimeError

    for key in ("one", "one", "two"):
        with pytest.raises(RuntimeError):
            fail(key)
    (tmp_path / ".data.old.abc.part").mkdir()  # of `data.old`, which begins alike
    with work_folder(data, "two") as part:
        assert os.listdir(part) == ["two"]
        assert sorted(os.listdir(tmp_path)) == [".data.old.abc.part", ".data.two.part"]
        remove_folder(part)
    with work_folder(data, "two") as part:
        assert os.listdir(part) == []
        with whole_folder(data):
            assert part.exists()
        remove_folder(part)


def test_one_at_a_time_works_in_a_folder(tmp_path: Path):
    entered: list[str] = []

    def work(name: str) -> None:
        with work_folder(tmp_path / "data", "key") as part:
            entered.append(name)
            remove_folder(part)

    with ThreadPoolExecutor(2) as others:
        with work_folder(tmp_path / "data", "key") as part:
            waiting = [others.submit(work, name) for name in ("first", "second")]
            time.sleep(0.1)
            assert entered == []
            remove_folder(part)
        for other in waiting:
            other.result()
    assert sorted(entered) == ["first", "second"]
    assert os.listdir(tmp_path) == []
