import gzip
import json
import lzma
from pathlib import Path
from typing import IO, Any

import pyarrow
import pyarrow.parquet
import pytest

from scalewright.data import Skipped, TextDocument, read_documents
from scalewright.data.readers import text_bytes
from scalewright.errors import InputError


def read(base: Path, *sources: str) -> tuple[dict[str, str], dict[str, str]]:
    reading = read_documents(sources, base)
    return {d.name: d.text for d in reading.documents}, {s.name: s.why for s in reading.skipped}


def test_text_is_normalised(tmp_path: Path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\n\xc3\xa9")
    assert read(tmp_path, "a.txt") == ({"a.txt": "one\ntwo\né"}, {})


def test_compressed_text(tmp_path: Path):
    (tmp_path / "a.txt.xz").write_bytes(lzma.compress("épée".encode()))
    (tmp_path / "b.md.gz").write_bytes(gzip.compress(b"gzip"))
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(b"cut short" * 100)[:-12])
    (tmp_path / "d.txt.xz").write_bytes(b"not xz")
    documents, skipped = read(tmp_path, ".")
    assert documents == {"a.txt.xz": "épée", "b.md.gz": "gzip"}
    assert skipped == {"c.txt.gz": "damaged compression", "d.txt.xz": "damaged compression"}


def test_json_lines(tmp_path: Path):
    rows = [
        '{"text": "one\\r\\ntwo"}',
        "",
        '{"title": 1}',
        "{",
        "3",
        '{"text": ""}',
        '{"text": "\\ud800"}',
        '{"text": 5}',
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(rows))
    documents, skipped = read(tmp_path, "a.jsonl")
    assert documents == {"a.jsonl:1": "one\ntwo"}
    assert skipped == {
        "a.jsonl:3": "no 'text'",
        "a.jsonl:4": "not JSON",
        "a.jsonl:5": "no 'text'",
        "a.jsonl:7": "not valid Unicode",
        "a.jsonl:8": "no 'text'",
    }


def test_json_line_separators_inside_a_row(tmp_path: Path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "a\u2028b\x85c"}, ensure_ascii=False) + "\n")
    assert read(tmp_path, "a.jsonl") == ({"a.jsonl:1": "a\u2028b\x85c"}, {})


def test_bytes_of_text(tmp_path: Path):
    text = "".join(f"épée {number}\n" for number in range(300_000))
    size = len(text.encode())
    (tmp_path / "a.txt").write_text(text)
    (tmp_path / "b.txt.xz").write_bytes(lzma.compress(text.encode()))
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(text.encode()))
    assert [text_bytes(tmp_path / name) for name in ("a.txt", "b.txt.xz", "c.txt.gz")] == [size] * 3
    lines = text.split("\n")[:1000]
    table = pyarrow.table({"text": lines, "other": ["x" * 1000] * len(lines)})
    pyarrow.parquet.write_table(table, tmp_path / "d.parquet", use_dictionary=False, compression="zstd")
    held = sum(len(line.encode()) for line in lines)
    assert held <= text_bytes(tmp_path / "d.parquet") <= 1.6 * held  # Parquet puts 4 bytes before each string.
    (tmp_path / "e.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "f.txt.xz").write_bytes(b"not xz")
    assert [text_bytes(tmp_path / name) for name in ("e.parquet", "f.txt.xz")] == [0, 0]


def test_parquet(tmp_path: Path):
    pyarrow.parquet.write_table(pyarrow.table({"text": ["one", None, "drei"], "n": [1, 2, 3]}), tmp_path / "a.parquet")
    pyarrow.parquet.write_table(pyarrow.table({"body": ["one"], "n": [1]}), tmp_path / "b.parquet")
    (tmp_path / "c.parquet").write_bytes(b"PAR1 no")
    documents, skipped = read(tmp_path, ".")
    assert documents == {"a.parquet:1": "one", "a.parquet:3": "drei"}
    assert skipped == {
        "a.parquet:2": "no 'text'",
        "b.parquet": "no column 'text', found body, n",
        "c.parquet": "not Parquet, or damaged",
    }


def test_what_is_no_text_is_skipped_counted_and_named(tmp_path: Path):
    (tmp_path / "good.txt").write_text("good")
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "binary.txt").write_bytes(b"a\0b")
    for number in range(6):
        (tmp_path / f"latin{number}.txt").write_bytes(b"caf\xe9 ")
    reading = read_documents(["."], tmp_path)
    assert reading.documents == [TextDocument("good.txt", "good")]
    assert Skipped(name="latin0.txt", why="not UTF-8 at byte 3") in reading.skipped
    assert reading.warnings == (
        "skipped 7 of the files and rows: binary.txt (binary), latin0.txt (not UTF-8 at byte 3), "
        "latin1.txt (not UTF-8 at byte 3), latin2.txt (not UTF-8 at byte 3), "
        "latin3.txt (not UTF-8 at byte 3) and 2 more",
    )


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("b")
    opened = Path.open

    def refuse(path: Path, *args: str) -> IO[Any]:
        if path.name == "b.txt":
            raise PermissionError(13, "Permission denied")
        return opened(path, *args)

    monkeypatch.setattr(Path, "open", refuse)
    assert read(tmp_path, ".") == ({"a.txt": "a"}, {"b.txt": "Permission denied"})


@pytest.mark.parametrize(("content", "says"), [(b"", "empty"), (b"\xff", "not UTF-8 at byte 0"), (b" \n\t", "empty")])
def test_no_text_at_all(tmp_path: Path, content: bytes, says: str):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(InputError, match=f"no text in 1 files: .*{says}"):
        read_documents(["a.txt"], tmp_path)
