"""Tables of runs in files, as columns of numbers and labels."""

import difflib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scalewright.cells import Cells, open_cells
from scalewright.errors import InputError
from scalewright.where import SUFFIXES, parse_condition, shown

MISSING = frozenset({"", "na", "n/a", "nan", "none", "null"})
"""What stands for a missing number, in small or capital letters."""

LABEL_LENGTH = 200
"""Characters of the longest label that is taken: NumPy gives every row the room of the longest."""

_NAMED = 5
_SUFFIXED = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))([KMBGT])")


@dataclass(frozen=True)
class Table:
    """Rows of a file that have all the numbers that were asked for.

    Attributes:
        columns: Numbers [n] by the name that the caller gave; none is NaN, infinities are passed on.
        labels: Texts [n] by the name that the caller gave, without blanks around; "" where one is missing.
        rows: Number of the row that each comes from [n], counted from 1 below the header, blank lines not counted.
        warnings: What was left out, and what was read otherwise than it stands there.
    """

    columns: dict[str, NDArray[np.float64]]
    labels: dict[str, NDArray[np.str_]]
    rows: NDArray[np.int64]
    warnings: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)


def read_table(
    path: Path, numbers: Mapping[str, str], labels: Mapping[str, str] = {}, where: str | None = None
) -> Table:
    """Reads columns of a CSV, TSV, JSON lines or Parquet file, by its suffix, a block of rows at a time.

    A column's name is found exactly, or else in other capitals. Rows that lack a number that is asked for (see
    `MISSING`) are left out with a warning; signs and sizes are the caller's to check.

    One of the capitals K, M, B (or G) and T directly after a number, as in "70B", stands for 1e3, 1e6, 1e9 and 1e12,
    never for powers of 1024 and whatever the column's unit: so papers write sizes. They also round them so ("7B" for
    6.7e9), which shifts a law, hence a warning says where it happened.

    Args:
        path: the file; what its text files hold is UTF-8, with or without a byte order mark.
        numbers: the caller's name of each column of numbers, and the file's.
        labels: the same of each column of text.
        where: rows to keep, see `scalewright.where.parse_condition`; cells of other rows are not looked at.

    Raises:
        InputError: the file cannot be read or has no such column, a cell holds no number, rows have too many or too few
            cells, no row is left, or `where` cannot be read.
    """
    condition = parse_condition(where) if where is not None else None
    asked = [*numbers.values(), *labels.values(), *(sorted(condition.numbers | condition.texts) if condition else ())]
    parts: list[Table] = []
    total = 0
    suffixed: dict[str, str] = {}
    with open_cells(path) as source:
        named = {name: _match(path, name, source.names) for name in asked}
        for cells in source.blocks(list(dict.fromkeys(named.values())) or source.names[:1]):
            size = len(next(iter(cells.values())))
            block = _Block(path, cells, np.arange(total + 1, total + size + 1), suffixed)
            total += size
            if condition:
                compared = {name: block.numbers(named[name]) for name in condition.numbers}
                block = block.take(
                    condition.holds(compared, {name: block.texts(named[name]) for name in condition.texts})
                )
            columns = {ours: block.numbers(named[theirs]) for ours, theirs in numbers.items()}
            texts = {ours: block.labels(named[theirs]) for ours, theirs in labels.items()}
            parts.append(Table(columns, texts, block.rows, ()))
    if not parts:
        raise InputError(f"{path}: no rows, only the names of columns: add one row per run")
    table = _joined(parts)
    if not len(table):
        raise InputError(f"{path}: none of {total} rows fulfils {shown(where)}: compare it with what the rows hold")
    warnings = [
        f"suffixes: {path}, column {name!r}: suffixes such as that of {example} are read as powers of ten; "
        "sizes written so are often rounded: give exact numbers where they are known"
        for name, example in suffixed.items()
    ]
    return _whole(table, path, numbers, warnings)


def column_names(path: Path) -> list[str]:
    """Names of a file's columns; of JSON lines, those in the first 8192 rows.

    Raises:
        InputError: the file cannot be read or has no header.
    """
    with open_cells(path) as source:
        return source.names


def _joined(parts: Sequence[Table]) -> Table:
    return Table(
        {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns},
        {name: np.concatenate([part.labels[name] for part in parts]) for name in parts[0].labels},
        np.concatenate([part.rows for part in parts]),
        (),
    )


def _whole(table: Table, path: Path, numbers: Mapping[str, str], warnings: Sequence[str]) -> Table:
    """The table without the rows that lack a number, and with its warnings."""
    absent = np.zeros(len(table), dtype=bool)
    for values in table.columns.values():
        absent |= np.isnan(values)
    if not absent.any():
        return replace(table, warnings=tuple(warnings))
    first = np.flatnonzero(absent)[:_NAMED]
    lacks = [
        next(numbers[ours] for ours, values in table.columns.items() if np.isnan(values[place])) for place in first
    ]
    listed = ", ".join(f"row {row} has no {name!r}" for row, name in zip(table.rows[first], lacks, strict=True))
    found = f"{absent.sum()} of {len(table)} rows lack a number: {listed}{', ...' if absent.sum() > _NAMED else ''}"
    if absent.all():
        raise InputError(f"{path}: no row is left, {found}; fill them in or name other columns")
    return Table(
        {name: values[~absent] for name, values in table.columns.items()},
        {name: values[~absent] for name, values in table.labels.items()},
        table.rows[~absent],
        (f"left-out: {path}: left out what is not whole, {found}", *warnings),
    )


@dataclass(frozen=True)
class _Block:
    """Some rows of a file: cells and row numbers [n], and of each column the first number with a suffix."""

    path: Path
    cells: Cells
    rows: NDArray[np.int64]
    suffixed: dict[str, str]

    def take(self, mask: NDArray[np.bool_]) -> "_Block":
        if mask.all():
            return self
        places = np.flatnonzero(mask).tolist()
        cells = {name: [column[place] for place in places] for name, column in self.cells.items()}
        return replace(self, cells=cells, rows=self.rows[mask])

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column [n], NaN where a number is missing."""
        cells = self.cells[name]
        kinds = set(map(type, cells))
        # Python would read 1_000 as 1000.
        if kinds <= {int, float, NoneType} or (kinds == {str} and "_" not in "".join(cells)):
            with suppress(ValueError, OverflowError):
                return np.array(cells, dtype=np.float64)
        return np.array([self._number(name, place, cell) for place, cell in enumerate(cells)], dtype=np.float64)

    def _number(self, name: str, place: int, cell: Any) -> float:
        text = cell.strip() if isinstance(cell, str) else cell
        if text is None or (isinstance(text, str) and text.lower() in MISSING):
            return np.nan
        if isinstance(text, str) and (parts := _SUFFIXED.fullmatch(text)):
            self.suffixed.setdefault(name, f"{text} in row {self.rows[place]}")
            return float(parts[1] + SUFFIXES[parts[2]])
        if not isinstance(text, bool) and "_" not in str(text):
            with suppress(ValueError, OverflowError, TypeError):
                return float(text)
        mend = "mend it, empty it or leave such rows out by a condition"
        if isinstance(text, str) and re.fullmatch(r"[+-]?[0-9.]+(,[0-9.]+)+", text):
            mend = "a comma may part thousands or decimals, so write 1234 or 1.234"
        raise InputError(f"{self._place(name, place)}: found {shown(cell)}, expected a number: {mend}")

    def texts(self, name: str) -> list[str]:
        """A column as text [n]."""
        return [cell.strip() if isinstance(cell, str) else _text(cell) for cell in self.cells[name]]

    def labels(self, name: str) -> NDArray[np.str_]:
        """A column as an array of text [n]."""
        texts = self.texts(name)
        for text in set(texts):
            if len(text) > LABEL_LENGTH or re.search("[\0\ud800-\udfff]", text):
                raise InputError(
                    f"{self._place(name, texts.index(text))}: found {shown(text)}, "
                    f"expected a label of at most {LABEL_LENGTH} characters, all of them valid: shorten or mend it"
                )
        return np.array(texts, dtype=np.str_)

    def _place(self, name: str, place: int) -> str:
        return f"{self.path}, row {self.rows[place]}, column {name!r}"


def _text(cell: Any) -> str:
    if cell is None or cell != cell:
        return ""
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


def _match(path: Path, name: str, names: Sequence[str]) -> str:
    """The column of the file that is meant."""
    if name in names:
        return name
    folded = {known.casefold(): known for known in names}
    same = [known for known in names if known.casefold() == name.casefold()]
    if len(same) > 1:
        raise InputError(f"{path}: {name!r} may be any of {', '.join(map(repr, same))}: write it as the file does")
    if same:
        return same[0]
    near = difflib.get_close_matches(name.casefold(), folded, n=1)
    hint = f", perhaps {folded[near[0]]!r}" if near else ""
    listed = ", ".join(map(repr, names[:30])) + (f" and {len(names) - 30} more" if len(names) > 30 else "")
    raise InputError(f"{path}: no column {name!r}{hint}: name one of {listed}")
