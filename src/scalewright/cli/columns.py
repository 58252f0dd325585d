"""Tables of runs as the user names their columns, every value checked, with the row it stands in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scalewright.cli.options import LARGEST, option, refuse_unknown
from scalewright.errors import InputError
from scalewright.laws.convention import check_flops
from scalewright.tables import Table, column_names, read_table

Array = NDArray[np.float64]

CONVENTION = (
    "derived: {0} = {1} / (6 {2}): training is taken to cost 6 N D FLOPs (Kaplan et al. 2020, arXiv:2001.08361), and where {1} "
    "was counted otherwise {0} is off: name its own column by --{0}, to have the two compared"
)

_FLOPS = frozenset({"flops", "compute", "c", "training_flops", "training flop", "training flops"})

_OTHER = {"params": "tokens", "tokens": "params"}


@dataclass(frozen=True)
class Columns:
    """What the options say of a table; None stands for an option that was not given.

    Attributes:
        compute: Column of FLOPs: for params or tokens, whichever is not named, or to be checked against both.
        inputs: Columns of further inputs by their names in the law.
        curve: Whether the loss depends on one input alone.
        zero: What losses are measured from.
    """

    params: str | None = None
    tokens: str | None = None
    compute: str | None = None
    loss: str | None = None
    unique_tokens: str | None = None
    trunk: str | None = None
    inputs: Mapping[str, str] | None = None
    curve: bool = False
    where: str | None = None
    zero: float = 0.0

    @property
    def named(self) -> dict[str, str]:
        """The columns of inputs that options name, by input."""
        bought = {"params": self.params, "tokens": self.tokens}
        return {name: column for name, column in bought.items() if column} | dict(self.inputs or {})


@dataclass(frozen=True)
class RunTable:
    """Rows of a file.

    Attributes:
        inputs: Positive numbers [n] by input; "unique_tokens" among them where they are known.
        loss: In nats [n]; None where the table has none.
        trunks: A label for each row [n], or None.
        rows: Numbers of the rows in the file [n].
        warnings: What was left out, derived or read otherwise than it stands there.
    """

    inputs: dict[str, Array]
    loss: Array | None
    trunks: list[str] | None
    rows: NDArray[np.int64]
    warnings: tuple[str, ...]

    def take(self, kept: NDArray[np.bool_]) -> "RunTable":
        """Some of the rows, by a mask [n]."""
        return RunTable(
            {name: values[kept] for name, values in self.inputs.items()},
            None if self.loss is None else self.loss[kept],
            None if self.trunks is None else [label for label, each in zip(self.trunks, kept, strict=True) if each],
            self.rows[kept],
            self.warnings,
        )


def read_runs(path: Path, columns: Columns) -> RunTable:
    """Rows to fit a law to; without `curve`, inputs are the columns that are named and, of params and tokens, those there are.

    Raises:
        InputError: the file cannot be read, lacks a column, or has a value that is not positive.
    """
    present = _Present(path)
    loss = columns.loss or present.required("loss")
    inputs, notes = _curve(columns) if columns.curve else _inputs(columns, present)
    if inputs.keys() >= set(_OTHER):
        notes += _convention(path, columns, inputs, present)
    return _read(path, columns, inputs, loss, notes)


def read_places(path: Path, columns: Columns, inputs: Sequence[str]) -> RunTable:
    """Rows to forecast with a law in these inputs; the losses are read where there are some.

    Raises:
        InputError: as for `read_runs`, or an option names what the law does not depend on.
    """
    present = _Present(path)
    refuse_unknown(columns.named, inputs)
    named, derived = dict(columns.named), None
    if columns.compute and "compute" not in inputs:
        derived = _derived(columns, present)
    for name in inputs:
        if name == "compute" and columns.compute:
            named[name] = columns.compute
        elif name != derived and name not in named:
            named[name] = present.required(name)
    loss = columns.loss or ("loss" if present.has("loss") else None)
    return _read(path, columns, named, loss, ())


def _convention(path: Path, columns: Columns, inputs: Mapping[str, str], present: "_Present") -> tuple[str, ...]:
    """What a column of FLOPs that stands beside params and tokens says of how they were counted."""
    beside = [name for name in present.names if name.casefold() in _FLOPS and name not in inputs.values()]
    column = columns.compute or (beside[0] if beside else None)
    if column is None:
        return ()
    numbers = {"params": inputs["params"], "tokens": inputs["tokens"], "flops": column}
    try:
        table = read_table(path, numbers, {}, columns.where)
    except InputError:
        if columns.compute:
            raise
        return ()  # a column that nobody named is no reason to refuse the others
    known = np.all([(values > 0) & (values < np.inf) for values in table.columns.values()], axis=0)
    if not known.any():
        return ()
    params, tokens, flops = (table.columns[name][known] for name in numbers)
    return tuple(check_flops(params, tokens, flops, table.rows[known]))


class _Present:
    """The columns that a file has."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names = column_names(path)

    def has(self, name: str) -> bool:
        return name.casefold() in {known.casefold() for known in self.names}

    def required(self, name: str, instead: str = "") -> str:
        """The name of a column that no option names; raises InputError where there is none of this name."""
        if self.has(name):
            return name
        listed = ", ".join(map(repr, self.names[:30])) + (" ..." if len(self.names) > 30 else "")
        raise InputError(
            f"{self.path}: no column {name!r}: name it by {option(name, 'COL')}{instead}; there are {listed}"
        )


def _curve(columns: Columns) -> tuple[dict[str, str], tuple[str, ...]]:
    named = columns.named | ({"compute": columns.compute} if columns.compute else {})
    if len(named) > 1:
        raise InputError(f"--curve: found {', '.join(named)}, expected one input: leave out the others, or --curve")
    return named or {"tokens": "tokens"}, ()


def _inputs(columns: Columns, present: _Present) -> tuple[dict[str, str], tuple[str, ...]]:
    """Columns by input, and what is to be said about them."""
    named = columns.named
    if columns.compute and not set(_OTHER) <= named.keys():
        if not named and not present.has("params") and not present.has("tokens"):
            return {"compute": columns.compute}, (
                "compute-alone: no columns of params or tokens: a law in compute alone; name what there is",
            )
        derived = _derived(columns, present)
        other = _OTHER[derived]
        return {other: named.get(other, other), **named}, ()
    absent = [name for name in _OTHER if name not in named and not present.has(name)]
    if absent and not named:
        present.required(absent[0], ", or --compute COL for either, or fit one input alone by --curve")
    inputs = {name: named.get(name, name) for name in _OTHER if name not in absent} | named
    return inputs, tuple(
        f"absent: no column {name!r}: a law in {' and '.join(inputs)} without {name}; {option(name, 'COL')} names the column"
        for name in absent
    )


def _derived(columns: Columns, present: _Present) -> str:
    """Which of params and tokens follows from the compute."""
    named = [name for name in _OTHER if name in columns.named]
    known = named or [name for name in _OTHER if present.has(name)]
    if len(named) > 1:
        raise InputError("--compute: stands for one of --params and --tokens, found all three: leave one out")
    if len(known) > 1:
        raise InputError(
            f"--compute: {present.path} has params and tokens: say by --params or --tokens which to take, or name both to have "
            "the compute checked against them"
        )
    if not known:
        present.required("params")
    return _OTHER[known[0]]


def _read(
    path: Path, columns: Columns, inputs: Mapping[str, str], loss: str | None, notes: tuple[str, ...]
) -> RunTable:
    numbers = dict(inputs)
    known = [name for name in _OTHER if name in inputs]
    derives = columns.compute is not None and "compute" not in inputs and len(known) == 1
    if derives:
        numbers["compute"] = str(columns.compute)
    if loss:
        numbers["loss"] = loss
    if columns.unique_tokens:
        numbers["unique_tokens"] = columns.unique_tokens
        if "tokens" not in inputs and not derives:
            raise InputError("--unique-tokens: counts for a law in tokens only: name their column by --tokens too")
    labels = {"trunk": columns.trunk} if columns.trunk else {}
    table = read_table(path, numbers, labels, columns.where)
    _check_positive(path, table, numbers, columns.zero)
    found = dict(table.columns)
    measured = found.pop("loss", None)
    if derives:
        (other,) = known
        missing = _OTHER[other]
        with np.errstate(all="ignore"):
            found[missing] = found.pop("compute") / (6 * found[other])
        notes += (CONVENTION.format(missing, numbers["compute"], numbers[other]),)
        formula = f"{missing} = {numbers['compute']} / (6 {numbers[other]})"
        _refuse(path, table, numbers["compute"], found[missing], formula)
    # In one order whatever the options, so that a law is always in params and tokens.
    ordered = sorted(found, key=lambda name: [*_OTHER, name].index(name))
    trunks = None
    if columns.trunk:
        # A run without a label is a trunk of its own.
        trunks = [text or f"\0{row}" for text, row in zip(table.labels["trunk"], table.rows, strict=True)]
    return RunTable({name: found[name] for name in ordered}, measured, trunks, table.rows, table.warnings + notes)


def _check_positive(path: Path, table: Table, numbers: Mapping[str, str], zero: float) -> None:
    for name, values in table.columns.items():
        if name == "loss" and zero:
            _refuse(path, table, numbers[name], values - zero, f"{numbers[name]} - {zero:g}")
        else:
            _refuse(path, table, numbers[name], values)


def _refuse(path: Path, table: Table, column: str, values: Array, derived: str = "") -> None:
    bad = np.flatnonzero(~((values > 1 / LARGEST) & (values < LARGEST)))
    if not len(bad):
        return
    value = values[bad[0]]
    quoted = column if column.isidentifier() else f"`{column}`"
    condition = f"{quoted} < {LARGEST:g}" if value > 1 else f"{quoted} > {1 / LARGEST if value > 0 else 0:g}"
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    raise InputError(
        f"{path}, row {table.rows[bad[0]]}, column {column!r}: found {derived}{' = ' if derived else ''}{value:g}{more}, "
        f"expected a positive number below {LARGEST:g}: mend it or leave such rows out by --where '{condition}'"
    )
