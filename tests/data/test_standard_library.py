import json
import sysconfig
from pathlib import Path

import pytest

from scalewright.data import standard_library_sources
from scalewright.errors import InputError


def test_the_library_without_its_tests_and_what_others_installed():
    folder = Path(sysconfig.get_path("stdlib"))
    names = {Path(path).relative_to(folder).as_posix() for path in standard_library_sources()}
    assert {
        Path(json.__file__).relative_to(folder).as_posix(),
        "os.py",
        "encodings/cp1252.py",
        "asyncio/tasks.py",
    } <= names
    for name in names:
        assert not {"test", "tests", "idle_test", "site-packages", "dist-packages", "lib-dynload"} & set(
            Path(name).parts
        )
    assert len(names) > 400
    assert 8e6 < sum((folder / name).stat().st_size for name in names) < 20e6


def test_layouts_of_other_pythons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in (
        "os.py",
        "json/decoder.py",
        "unittest/case.py",
        "_sysconfigdata__linux.py",
        "config-3.12-x86_64-linux-gnu/python-config.py",
        "dist-packages/numpy/core.py",
        "site-packages/pip/main.py",
        "test/test_os.py",
        "lib2to3/tests/pytree_idempotency.py",
        "idlelib/idle_test/test_query.py",
        "ctypes/macholib/fetch_macholib.bat",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    expected = [tmp_path / name for name in ("json/decoder.py", "os.py", "unittest/case.py")]
    assert [Path(path) for path in standard_library_sources()] == expected


def test_a_python_without_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(InputError, match=r"no \.py files of the standard library"):
        standard_library_sources()
