"""Files into documents: one a text file, one a row of a table."""

import codecs
import gzip
import json
import lzma
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from scalewright.data.progress import PrepareProgress, unheard
from scalewright.data.sources import find_files, kind_of, name_of
from scalewright.documents import Part
from scalewright.errors import InputError

FIELD = "text"
"""Field of a JSON line and column of a Parquet file that hold the text."""

NAMED = 5
"""How many of the things skipped a message names."""

_BLOCK = 1 << 20
_ROWS = 1024


@dataclass(frozen=True)
class TextDocument:
    """A text that is read as one: a file, a row or a piece of a large file."""

    name: str
    text: str

    @property
    def size_bytes(self) -> int:
        """Length in UTF-8."""
        return len(self.text.encode())


@dataclass(frozen=True)
class TextBlocks:
    """A document that is being read: its text in blocks, to be taken before the next document is."""

    name: str
    blocks: Iterable[str]


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
        return skipped_warnings(self.skipped, len(self.skipped))


def skipped_warnings(first: Sequence[Skipped], count: int) -> tuple[str, ...]:
    """One line that counts what was skipped and names the first few of it; none if nothing was."""
    if not count:
        return ()
    named = ", ".join(f"{item.name} ({item.why})" for item in first[:NAMED])
    more = f" and {count - NAMED} more" if count > NAMED else ""
    return (f"skipped {count} of the files and rows: {named}{more}",)


def no_text(files: int, warnings: tuple[str, ...]) -> InputError:
    """What to say where no file holds any text."""
    return InputError(f"no text in {files} files: " + "; ".join(warnings or ("all of them are empty",)))


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
            rows = [
                row if isinstance(row, Skipped) else TextDocument(row.name, "".join(row.blocks))
                for row in documents_of(path, name)
            ]
        except UnreadableError as problem:
            rows = [Skipped(name=name, why=str(problem))]
        documents += [row for row in rows if isinstance(row, TextDocument) and row.text.strip()]
        skipped += [row for row in rows if isinstance(row, Skipped)]
        progress("reading", count / len(paths))
    reading = Reading(documents, skipped)
    if not documents:
        raise no_text(len(paths), reading.warnings)
    return reading


class UnreadableError(Exception):
    """A file cannot be read as what its name says."""


def documents_of(path: Path, name: str) -> Iterator[TextBlocks | Skipped]:
    """The documents of a file, and the rows of it that are none, in a stream: memory holds a block, or a row.

    Raises:
        UnreadableError: the file is damaged, at any point of the stream: none of it is to be used.
    """
    match kind_of(path):
        case ".parquet":
            yield from _parquet(path, name)
        case ".jsonl":
            for number, line in enumerate(_lines(_text(path)), start=1):
                if line.strip():
                    yield _json_line(line, f"{name}:{number}")
        case _:
            yield TextBlocks(name, _text(path))


def _text(path: Path) -> Iterator[str]:
    """A file's text in blocks, without its byte order mark, its lines ended by LF alone."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    position, held = 0, ""
    for content in _whole(path):
        pending = len(decoder.getstate()[0])
        try:
            text = held + decoder.decode(content, final=not content)
        except UnicodeDecodeError as error:
            for _ in _whole(path):  # What damages it more is said in its place.
                pass
            raise UnreadableError(f"not UTF-8 at byte {position - pending + error.start}") from None
        position += len(content)
        # An LF may follow in the next block.
        held = "\r" if content and text.endswith("\r") else ""
        yield text.removesuffix(held).replace("\r\n", "\n")


def _whole(path: Path) -> Iterator[bytes]:
    """What a file holds, unpacked, without a byte order mark; an empty block tells its end."""
    try:
        with _opened(path) as file:
            mark = codecs.BOM_UTF8
            while content := file.read(_BLOCK):
                if b"\0" in content:
                    while file.read(_BLOCK):
                        pass
                    raise UnreadableError("binary")
                if text := content.removeprefix(mark):
                    yield text
                mark = b""
    except OSError as error:
        # With a checksum that differs, `gzip` tells both.
        said, _, _ = (error.strerror or str(error)).partition(" 0x")
        raise UnreadableError(said) from None
    except (EOFError, lzma.LZMAError, zlib.error):
        raise UnreadableError("damaged compression") from None
    yield b""


def _opened(path: Path) -> BinaryIO | gzip.GzipFile | lzma.LZMAFile:
    match path.suffix.lower():
        case ".gz":
            return gzip.open(path)
        case ".xz":
            return lzma.open(path)
        case _:
            return path.open("rb")


def _lines(blocks: Iterable[str]) -> Iterator[str]:
    begun: list[str] = []
    for block in blocks:
        first, *others = block.split("\n")
        begun.append(first)
        for other in others:
            yield "".join(begun)
            begun = [other]
    yield "".join(begun)


def text_bytes(path: Path) -> int:
    """Bytes of text in a file: the file's own, of compressed ones what they hold; of those that cannot be read, none."""
    try:
        if kind_of(path) == ".parquet":
            return _parquet_bytes(path)
        if path.suffix.lower() not in (".gz", ".xz"):
            return path.stat().st_size
        with _opened(path) as file:
            return sum(len(block) for block in iter(lambda: file.read(_BLOCK), b""))
    except (OSError, EOFError, lzma.LZMAError, zlib.error):
        return 0


def _json_line(line: str, name: str) -> TextBlocks | Skipped:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return Skipped(name=name, why="not JSON")
    return _field(row.get(FIELD) if isinstance(row, dict) else None, name)


def _parquet(path: Path, name: str) -> Iterator[TextBlocks | Skipped]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError(f"{name}: reading Parquet needs pyarrow: pip install 'scalewright[train]'") from None
    try:
        table = pyarrow.parquet.ParquetFile(path)
        if FIELD not in table.schema_arrow.names:
            raise UnreadableError(f"no column {FIELD!r}, found {', '.join(table.schema_arrow.names)}")
        number = 0
        for batch in table.iter_batches(_ROWS, columns=[FIELD]):
            for value in batch.column(FIELD).to_pylist():
                number += 1
                yield _field(value, f"{name}:{number}")
    except (OSError, UnicodeDecodeError, pyarrow.ArrowException):
        raise UnreadableError("not Parquet, or damaged") from None


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


def _field(value: object, name: str) -> TextBlocks | Skipped:
    if not isinstance(value, str):
        return Skipped(name=name, why=f"no {FIELD!r}")
    try:
        value.encode()
    except UnicodeEncodeError:
        return Skipped(name=name, why="not valid Unicode")
    return TextBlocks(name, (value.replace("\r\n", "\n"),))
