"""`runs`: what a ledger holds, listed, compared, exported."""

import csv
import json as json_format
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.table import Table

from scalewright.cli.arguments import LedgerPath
from scalewright.cli.console import Json, plain_table, print_json, print_table
from scalewright.documents import flat
from scalewright.errors import InputError
from scalewright.files import atomic_path
from scalewright.where import parse_condition

if TYPE_CHECKING:
    from scalewright.ledger import Ledger, Run

Record = Mapping[str, Any]
"""A run as names and values: what the ledger keeps of it, configuration and metrics by dotted names, lists left out."""

ID_SHOWN = 8
_NESTED = ("configuration", "metrics")
_LISTED = ("id", "study", "role", "task", "precision", "params", "tokens", "loss", "seconds", "tokens_per_second")


def runs(
    ids: Annotated[
        list[str] | None, typer.Argument(help="Runs to show whole and side by side, by the start of an id.")
    ] = None,
    ledger: LedgerPath = None,
    where: Annotated[
        str | None, typer.Option(help="Runs to take, such as \"role == 'final' and `recipe.learning_rate` > 1e-3\".")
    ] = None,
    sort: Annotated[str | None, typer.Option(metavar="NAME", help="Smallest first; -NAME for the largest.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep all that is known: .csv, .jsonl or .parquet.")
    ] = None,
    steps: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="What a run, finished or not, told on its way, by the start of its id."),
    ] = None,
    json: Json = False,
) -> None:
    """Lists the finished runs of a ledger, compares some, or shows the steps of one."""
    if steps is not None and ids:
        raise InputError(f"--steps {steps}: shows one run: leave out {', '.join(ids)}")
    write = None if out is None else _writer(out)
    from scalewright.cli.ledger_runs import open_ledger

    with open_ledger(ledger) as opened:
        records = [_record(run) for run in opened.runs()] if steps is None else _steps(opened, steps)
    chosen = [_named(records, id) for id in ids] if ids else records
    if where is not None:
        chosen = _filtered(chosen, where)
    if sort is not None:
        chosen = _sorted(chosen, sort)
    if out is not None and write is not None:
        write(out, chosen)
    if json:
        print_json({"runs" if steps is None else "steps": chosen})
    elif out is None and steps is not None:
        print_table(_list(chosen, _columns(chosen), texts=0))
    elif out is None:
        print_table(_compared(chosen) if ids else _list(chosen, _LISTED, texts=5))


def _record(run: "Run") -> dict[str, Any]:
    whole = {field.name: getattr(run, field.name) for field in fields(run)}
    record = {name: value for name, value in whole.items() if name not in _NESTED}
    for name in _NESTED:
        record |= flat(whole[name], "metrics." if name == "metrics" else "")
    return {name: value for name, value in record.items() if not isinstance(value, list)}


def _steps(ledger: "Ledger", start: str) -> list[Record]:
    """A record for each step that a run told of: what it told by name."""
    found = ledger.tellers(start)
    if len(found) != 1:
        said = (
            "no run that told of its steps (a project's final run does, to its own ledger)"
            if not found
            else f"{len(found)} runs ({', '.join(found[:3])}{', ...' if found[3:] else ''})"
        )
        raise InputError(f"--steps {start}: {said}; expected the start of one id, as `runs` lists them")
    records: dict[int, dict[str, Any]] = {}
    for metric in ledger.metrics(found[0]):
        records.setdefault(metric.step, {"step": metric.step})[metric.name] = metric.value
    return list(records.values())


def _named(records: Sequence[Record], id: str) -> Record:
    found = [record for record in records if record["id"].startswith(id)]
    if len(found) != 1:
        said = "no run" if not found else f"{len(found)} runs"
        raise InputError(
            f"{id}: {said} of {len(records)} in the ledger: expected the start of one id; `runs` lists them"
        )
    return found[0]


def _filtered(records: Sequence[Record], where: str) -> list[Record]:
    condition = parse_condition(where)
    for name in condition.numbers | condition.texts:
        _refuse_unknown(records, name, "--where")
    numbers = {name: np.array([_number(record.get(name)) for record in records]) for name in condition.numbers}
    texts = {
        name: ["" if record.get(name) is None else str(record[name]) for record in records] for name in condition.texts
    }
    return [record for record, kept in zip(records, condition.holds(numbers, texts), strict=True) if kept]


def _sorted(records: Sequence[Record], sort: str) -> list[Record]:
    name = sort.removeprefix("-")
    _refuse_unknown(records, name, "--sort")
    known = [record for record in records if record.get(name) is not None]
    whole = all(isinstance(record[name], (int, float)) for record in known)
    ordered = sorted(known, key=lambda record: record[name] if whole else str(record[name]), reverse=sort != name)
    return ordered + [record for record in records if record.get(name) is None]


def _refuse_unknown(records: Sequence[Record], name: str, option: str) -> None:
    known = sorted({each for record in records for each in record})
    if records and name not in known:
        raise InputError(f"{option}: none has {name!r}: expected one of {', '.join(known)}")


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")


def _list(records: Sequence[Record], names: Sequence[str], texts: int) -> Table:
    """A row for each record, a column for each name; the first `texts` of them hold words."""
    table = plain_table()
    for place, name in enumerate(names):
        table.add_column(name.replace("_", " "), justify="left" if place < texts else "right", no_wrap=True)
    for record in records:
        table.add_row(*(_text(name, record.get(name)) for name in names))
    return table


def _compared(records: Sequence[Record]) -> Table:
    """A column for each run, a row for whatever differs between them; of a single one all that is known."""
    table = plain_table()
    table.add_column("")
    for record in records:
        table.add_column(_text("id", record["id"]), justify="right")
    names = dict.fromkeys(name for record in records for name in record if name != "id")
    for name in names:
        values = [record.get(name) for record in records]
        if len(records) == 1 or any(value != values[0] for value in values):
            table.add_row(name, *(_text(name, value) for value in values))
    return table


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "id":
        return str(value)[:ID_SHOWN]
    if isinstance(value, float):
        return f"{value:,.4f}" if name.endswith("loss") else f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _writer(out: Path) -> Callable[[Path, Sequence[Record]], None]:
    writers = {".csv": _write_csv, ".jsonl": _write_jsonl, ".parquet": _write_parquet}
    if out.suffix.lower() not in writers:
        raise InputError(f"--out {out}: expected a name that ends in {', '.join(writers)}")
    return writers[out.suffix.lower()]


def _columns(records: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(name for record in records for name in record))


def _write_csv(out: Path, records: Sequence[Record]) -> None:
    with atomic_path(out) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, _columns(records))
        writer.writeheader()
        writer.writerows(records)


def _write_jsonl(out: Path, records: Sequence[Record]) -> None:
    with atomic_path(out) as part, part.open("w", encoding="utf-8") as file:
        file.writelines(f"{json_format.dumps(record)}\n" for record in records)


def _write_parquet(out: Path, records: Sequence[Record]) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise InputError(f"--out {out}: Parquet needs pyarrow: install scalewright[train], or write a .csv") from None
    with atomic_path(out) as part:
        columns = {name: [record.get(name) for record in records] for name in _columns(records)}
        parquet.write_table(pyarrow.table(columns), part)
