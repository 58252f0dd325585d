"""Files into documents: one a text file, one a row of a table."""

import gzip
import json
import lzma
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scalewright.data.progress import PrepareProgress, unheard
from scalewright.data.sources import find_files, kind_of, name_of
from scalewright.documents import Part
from scalewright.errors import InputError

FIELD = "text"
"""Field of a JSON line and column of a Parquet file that hold the text."""

NAMED = 5
"""How many of the things skipped a message names."""

_BLOCK = 1 << 20


@dataclass(frozen=True)
class TextDocument:
    """A text that is read as one: a file, a row or a piece of a large file."""

    name: str
    text: str

    @property
    def size_bytes(self) -> int:
        """Length in UTF-8."""
        return len(self.text.encode())


SKIPPED_KEPT = 100
"""Of what was left out, so many are named in a manifest."""


class Skipped(Part):
    """A file or row that was left out, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class Reading:
    """What was read and what could not be. Files and rows without any text hold nothing and are in neither
    list."""

    documents: list[TextDocument]
    skipped: list[Skipped]

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line that counts what was skipped and names the first few; none if nothing was."""
        if not self.skipped:
            return ()
        named = ", ".join(f"{item.name} ({item.why})" for item in self.skipped[:NAMED])
        more = f" and {len(self.skipped) - NAMED} more" if len(self.skipped) > NAMED else ""
        return (f"skipped {len(self.skipped)} of the files and rows: {named}{more}",)


def read_documents(sources: Sequence[str | Path], base: Path, progress: PrepareProgress = unheard) -> Reading:
    """Reads the text of files, folders and globs.

    `.txt`, `.md` and `.py` are one document a file, `.jsonl` one a line (field `text`), `.parquet` one a row
    (column `text`); all but Parquet may be compressed by gzip or xz. A byte order mark is stripped, CR LF
    becomes LF.

    Args:
        sources: see `find_files`.
        base: where relative sources begin; documents are named relative to it.
        progress: hears of each file.

    Raises:
        InputError: a source is missing or of an unknown kind, or no text at all could be read.
    """
    paths = find_files(sources, base)
    documents: list[TextDocument] = []
    skipped: list[Skipped] = []
    for count, path in enumerate(paths, start=1):
        name = name_of(path, base)
        try:
            rows = list(_rows(path, name))
        except _UnreadableError as problem:
            rows = [Skipped(name=name, why=str(problem))]
        documents += [row for row in rows if isinstance(row, TextDocument) and row.text.strip()]
        skipped += [row for row in rows if isinstance(row, Skipped)]
        progress("reading", count / len(paths))
    reading = Reading(documents, skipped)
    if not documents:
        raise InputError(f"no text in {len(paths)} files: " + "; ".join(reading.warnings or ("all of them are empty",)))
    return reading


class _UnreadableError(Exception):
    """A file cannot be read as what its name says."""


def _rows(path: Path, name: str) -> Iterator[TextDocument | Skipped]:
    match kind_of(path):
        case ".parquet":
            yield from _parquet(path, name)
        case ".jsonl":
            for number, line in enumerate(_text(path).split("\n"), start=1):
                if line.strip():
                    yield _json_line(line, f"{name}:{number}")
        case _:
            yield TextDocument(name, _text(path))


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if path.suffix.lower() == ".gz":
            content = gzip.decompress(content)
        elif path.suffix.lower() == ".xz":
            content = lzma.decompress(content)
    except OSError as error:
        raise _UnreadableError(error.strerror or str(error)) from None
    except (EOFError, lzma.LZMAError, zlib.error):
        raise _UnreadableError("damaged compression") from None
    if b"\0" in content:
        raise _UnreadableError("binary")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise _UnreadableError(f"not UTF-8 at byte {error.start}") from None


def text_bytes(path: Path) -> int:
    """Bytes of text in a file: the file's own, of compressed ones what they hold; of those that cannot be read, none."""
    try:
        if kind_of(path) == ".parquet":
            return _parquet_bytes(path)
        if path.suffix.lower() not in (".gz", ".xz"):
            return path.stat().st_size
        with gzip.open(path) if path.suffix.lower() == ".gz" else lzma.open(path) as file:
            return sum(len(block) for block in iter(lambda: file.read(_BLOCK), b""))
    except (OSError, EOFError, lzma.LZMAError, zlib.error):
        return 0


def _json_line(line: str, name: str) -> TextDocument | Skipped:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return Skipped(name=name, why="not JSON")
    return _field(row.get(FIELD) if isinstance(row, dict) else None, name)


def _parquet(path: Path, name: str) -> Iterator[TextDocument | Skipped]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError(f"{name}: reading Parquet needs pyarrow: pip install 'scalewright[train]'") from None
    try:
        table = pyarrow.parquet.ParquetFile(path)
        if FIELD not in table.schema_arrow.names:
            raise _UnreadableError(f"no column {FIELD!r}, found {', '.join(table.schema_arrow.names)}")
        values = table.read(columns=[FIELD]).column(FIELD).to_pylist()
    except (OSError, UnicodeDecodeError, pyarrow.ArrowException):
        raise _UnreadableError("not Parquet, or damaged") from None
    for number, value in enumerate(values, start=1):
        yield _field(value, f"{name}:{number}")


def _parquet_bytes(path: Path) -> int:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(path).metadata
    except pyarrow.ArrowException:
        return 0
    groups = [table.row_group(number) for number in range(table.num_row_groups)]
    columns = [group.column(place) for group in groups for place in range(group.num_columns)]
    return sum(column.total_uncompressed_size for column in columns if column.path_in_schema == FIELD)


def _field(value: object, name: str) -> TextDocument | Skipped:
    if not isinstance(value, str):
        return Skipped(name=name, why=f"no {FIELD!r}")
    try:
        value.encode()
    except UnicodeEncodeError:
        return Skipped(name=name, why="not valid Unicode")
    return TextDocument(name, value.replace("\r\n", "\n"))
