import os
from pathlib import Path

import pytest

from scalewright.data.sources import find_files, kind_of, name_of
from scalewright.errors import InputError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "b/two.txt",
        "b/one.txt",
        "b/deep/three.md",
        "b/.git/no.txt",
        "b/.no.txt",
        "b/no.docx",
        "top.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return tmp_path


def names(sources: list[str | Path], base: Path) -> list[str]:
    return [name_of(path, base) for path in find_files(sources, base)]


def test_folders_are_read_recursively_sorted_and_without_hidden_or_unknown(tree: Path):
    assert names(["b"], tree) == ["b/one.txt", "b/two.txt", "b/deep/three.md"]


def test_files_globs_and_folders_name_each_file_once(tree: Path):
    assert names(["top.py", "b/*.txt", "b", tree / "top.py"], tree) == [
        "top.py",
        "b/one.txt",
        "b/two.txt",
        "b/deep/three.md",
    ]
    assert sorted(names(["**"], tree)) == sorted(names(["b", "top.py"], tree))
    assert names(["**/*.md"], tree) == ["b/deep/three.md"]


def test_a_file_whose_name_looks_like_a_glob(tree: Path):
    (tree / "b[1].txt").write_text("x")
    assert names(["b[1].txt"], tree) == ["b[1].txt"]


def test_a_base_whose_name_looks_like_a_glob(tmp_path: Path):
    base = tmp_path / "[data]"
    base.mkdir()
    (base / "a.txt").write_text("x")
    assert names(["*.txt"], base) == ["a.txt"]


def test_files_outside_the_base_keep_their_path(tree: Path):
    assert names([tree / "top.py"], tree / "b") == [(tree / "top.py").as_posix()]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.txt", ".txt"),
        ("a.TXT", ".txt"),
        ("a.md.gz", ".md"),
        ("a.jsonl.xz", ".jsonl"),
        ("a.parquet", ".parquet"),
        ("a.parquet.gz", None),
        ("a.doc", None),
        ("a.gz", None),
        ("txt", None),
    ],
)
def test_kinds(name: str, kind: str | None):
    assert kind_of(Path(name)) == kind


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("missing.txt", "missing.txt: no such file or folder"),
        ("none/*.txt", "none/\\*.txt: matches no file"),
        ("b/no.docx", r"b/no.docx: kind .docx, expected one of \.txt"),
        ("b/*.docx", "no file of a known kind"),
        ("empty", "no file of a known kind"),
    ],
)
def test_wrong_sources_are_named(tree: Path, source: str, says: str):
    (tree / "empty").mkdir()
    with pytest.raises(InputError, match=says):
        find_files([source], tree)


def test_no_source_at_all(tmp_path: Path):
    with pytest.raises(InputError, match="no data named"):
        find_files([], tmp_path)


def test_links_that_lead_nowhere_are_left_out(tree: Path):
    os.symlink("gone.txt", tree / "b" / "link.txt")
    assert "b/link.txt" not in names(["b"], tree)
