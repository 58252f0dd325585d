import gzip
import json
import lzma
import re
import zlib
from pathlib import Path
from typing import IO, Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scalewright.data import Skipped, TextDocument, read_documents, readers
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


def whole(path: Path) -> list[TextDocument | Skipped]:
    """What a file holds, all of it in memory."""
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        elif path.suffix == ".xz":
            content = lzma.decompress(content)
    except (EOFError, lzma.LZMAError, zlib.error):
        return [Skipped(name=path.name, why="damaged compression")]
    except OSError as error:
        return [Skipped(name=path.name, why=str(error))]
    if b"\0" in content:
        return [Skipped(name=path.name, why="binary")]
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        return [Skipped(name=path.name, why=f"not UTF-8 at byte {error.start}")]
    if ".jsonl" not in path.suffixes:
        return [TextDocument(path.name, text)]
    lines = [(f"{path.name}:{number}", line) for number, line in enumerate(text.split("\n"), start=1)]
    return [TextDocument(name, json.loads(line)["text"]) for name, line in lines if line.strip()]


PIECES = [b"a", b"\n", b"\r", b"\r\n", b" ", "é".encode(), "詩".encode(), "𝄞".encode(), b"\xef\xbb\xbf"]
DAMAGED = [*PIECES, b"\0", b"\xff", b"\xe8\xa9", b"\xc3"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.data())
def test_streams_read_what_is_read_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: st.DataObject):
    monkeypatch.setattr(readers, "_BLOCK", data.draw(st.integers(3, 40), "block"))
    content = b"".join(data.draw(st.lists(st.sampled_from(data.draw(st.sampled_from([PIECES, DAMAGED])))), "content"))
    suffix = data.draw(st.sampled_from(["", ".gz", ".xz"]))
    packed = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}[suffix](content)
    for place in data.draw(st.lists(st.integers(0, len(packed)), max_size=1), "damage") if suffix else []:
        packed = packed[:place] + data.draw(st.sampled_from([b"", b"\xaa" + packed[place + 1 :]]))
    path = tmp_path / f"a.txt{suffix}"
    path.write_bytes(packed)
    expected = whole(path)
    kept = [row for row in expected if isinstance(row, TextDocument) and row.text.strip()]
    if kept:
        assert read_documents([path.name], tmp_path).documents == kept
        return
    why = next((row.why for row in expected if isinstance(row, Skipped)), "empty")
    with pytest.raises(InputError, match=re.escape(why)):
        read_documents([path.name], tmp_path)


ROWS = ["", "  ", '{"text": "a"}', '{"text": "bc\\r\\n"}', '{"text": "詩"}']


@given(lines=st.lists(st.sampled_from(ROWS)), block=st.integers(3, 40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_are_read_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], block: int):
    monkeypatch.setattr(readers, "_BLOCK", block)
    path = tmp_path / "a.jsonl"
    path.write_bytes("\r\n".join([*lines, '{"text": "end"}']).encode())
    expected = [TextDocument(row.name, row.text.replace("\r\n", "\n")) for row in whole(path)]
    assert read_documents([path.name], tmp_path).documents == expected
