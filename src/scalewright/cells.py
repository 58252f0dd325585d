"""The cells of a table in a file: CSV, TSV, JSON lines or Parquet, a block of rows at a time."""

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any, NoReturn, Protocol, TextIO

from scalewright.errors import InputError

KINDS = ".csv, .tsv or .jsonl (each also with .gz), or .parquet"

BLOCK = 8192
"""Rows that are held as Python objects at a time."""

Cells = Mapping[str, Sequence[Any]]
"""Columns of a block by name, all of one length: as text, or as the numbers and None of JSON and Parquet."""

_DELIMITERS = {".csv": ",", ".tsv": "\t"}


class Source(Protocol):
    """An open file.

    Attributes:
        names: Of its columns; of JSON lines, those in the first `BLOCK` rows.
    """

    names: list[str]

    def blocks(self, names: Sequence[str]) -> Iterator[Cells]:
        """All rows of some of the columns, blank lines left out; to be called once."""


@contextmanager
def open_cells(path: Path) -> Iterator[Source]:
    """Opens a table by its suffix; its text is UTF-8, with or without a byte order mark.

    Raises:
        InputError: here or in `blocks`: the file is missing, of an unknown kind, damaged or not what its suffix says,
            has no header or twice the same name, or has a row with too many or too few cells.
    """
    kind = Path(path.name.lower().removesuffix(".gz")).suffix
    zipped = path.suffix.lower() == ".gz"
    try:
        if not path.is_file():
            found = "this is a folder" if path.is_dir() else "no such file"
            raise InputError(f"{path}: {found}; expected a table: {KINDS}")
        if kind == ".parquet" and not zipped:
            yield _Parquet(path)
        elif kind == ".jsonl" or kind in _DELIMITERS:
            with (gzip.open if zipped else open)(path, "rt", encoding="utf-8-sig", newline="") as file:
                yield _JsonLines(path, file) if kind == ".jsonl" else _Delimited(path, file, _DELIMITERS[kind])
        else:
            raise InputError(f"{path}: not a kind of table that is known by its suffix; expected {KINDS}")
    except UnicodeDecodeError:
        _refuse_bytes(path, zipped)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InputError(f"{path}: damaged compression; expected a gzip file: write or copy it anew") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None


class _Delimited:
    def __init__(self, path: Path, file: TextIO, delimiter: str) -> None:
        self._path = path
        self._reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
        self.names = [name.strip() for name in next(self._rows(), [])]
        self._check_header(delimiter)

    def _rows(self) -> Iterator[list[str]]:
        try:
            yield from filter(None, self._reader)
        except csv.Error as error:
            line = self._reader.line_num
            raise InputError(f"{self._path}, line {line}: {error}: mend the quotes in it or before it") from None

    def _check_header(self, delimiter: str) -> None:
        if not any(self.names):
            raise InputError(f"{self._path}: no header; expected the names of the columns in the first line")
        if "\0" in "".join(self.names):
            raise InputError(f"{self._path}: binary; expected a table as text: export it as CSV")
        if all(map(_is_number, self.names)):
            found = ", ".join(self.names[:5])
            raise InputError(
                f"{self._path}: no header, the first line is {found}: put the names of the columns above it"
            )
        parted = [sign for sign in ",;\t|" if sign != delimiter and sign in self.names[0]]
        if len(self.names) == 1 and parted:
            raise InputError(
                f"{self._path}: parted by {parted[0]!r}; expected {delimiter!r} between cells: export it so"
            )
        _check_names(self._path, [name for name in self.names if name])

    def blocks(self, names: Sequence[str]) -> Iterator[Cells]:
        rows, width, seen = self._rows(), len(self.names), 0
        while block := list(islice(rows, BLOCK)):
            if set(map(len, block)) != {width}:
                number, row = next((number, row) for number, row in enumerate(block, seen + 1) if len(row) != width)
                raise InputError(
                    f"{self._path}, row {number}: found a row of {len(row)}, expected {width} cells as in the header: "
                    "mend the row, with quotes around a cell that holds the sign between cells"
                )
            places = {name: self.names.index(name) for name in names}
            yield {name: [row[place] for row in block] for name, place in places.items()}
            seen += len(block)


class _JsonLines:
    def __init__(self, path: Path, file: TextIO) -> None:
        self._path = path
        self._rows = self._parsed(file)
        self._first = list(islice(self._rows, BLOCK))
        self.names = list(dict.fromkeys(chain.from_iterable(self._first)))
        _check_names(path, self.names)

    def _parsed(self, file: TextIO) -> Iterator[dict[str, Any]]:
        decode = json.JSONDecoder(object_pairs_hook=_unique).decode
        for number, line in enumerate(filter(str.strip, file), start=1):
            try:
                row = decode(line)
            except (ValueError, RecursionError) as error:
                why = str(error) if isinstance(error, ValueError) else "nested too deeply"
                raise InputError(f"{self._path}, row {number}: not JSON ({why}): write one object a line") from None
            if not isinstance(row, dict):
                found = type(row).__name__
                raise InputError(f"{self._path}, row {number}: found a {found}: write one object a line")
            yield row

    def blocks(self, names: Sequence[str]) -> Iterator[Cells]:
        rows = chain(self._first, self._rows)
        while block := list(islice(rows, BLOCK)):
            yield {name: [row.get(name) for row in block] for name in names}


class _Parquet:
    def __init__(self, path: Path) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise InputError(f"{path}: reading Parquet needs pyarrow: pip install 'scalewright[train]'") from None
        self._path = path
        self._damage = (pyarrow.ArrowException, OSError, UnicodeDecodeError)
        try:
            self._file = pyarrow.parquet.ParquetFile(path)
        except self._damage:
            self._refuse()
        self.names: list[str] = self._file.schema_arrow.names
        _check_names(path, self.names)

    def _refuse(self) -> NoReturn:
        raise InputError(f"{self._path}: not Parquet, or damaged: write or copy it anew") from None

    def blocks(self, names: Sequence[str]) -> Iterator[Cells]:
        batches = self._file.iter_batches(BLOCK, columns=list(names))
        while True:
            try:
                batch = next(batches, None)
                cells = {} if batch is None else {name: batch.column(name).to_pylist() for name in names}
            except self._damage:
                self._refuse()
            if batch is None:
                return
            yield cells


def _check_names(path: Path, names: Sequence[str]) -> None:
    if not names:
        raise InputError(f"{path}: no columns; expected at least one, with a name")
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise InputError(f"{path}: more than one column is named {twice[0]!r}: give each its own name")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError("a name stands twice in it")
    return row


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return not text
    return True


def _refuse_bytes(path: Path, zipped: bool) -> NoReturn:
    """Says where a file stops being UTF-8."""
    # What is damaged may stop being compressed before it stops being text.
    with suppress(EOFError, zlib.error, OSError), (gzip.open if zipped else open)(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                found = f"byte 0x{line[error.start]:02x}"
                raise InputError(f"{path}, line {number}: {found} is not UTF-8 text: save the file as UTF-8") from None
    raise InputError(f"{path}: not UTF-8 text: save the file as UTF-8")
