"""The finished runs of a ledger as a table that laws are fitted to, one group of comparable runs at a time."""

import csv
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from scalewright.cli.columns import Columns, RunTable, read_runs
from scalewright.errors import InputError
from scalewright.ledger import SEARCHES, Ledger, Run, options_of, trunk_of
from scalewright.tables import read_table

HERE = Path(".scalewright") / "ledger.db"
"""Where the ledger of a project lies."""

_GROUP = ("dataset", "tokenizer", "context", "task", "options", "recipe", "precision")
_SHOWN = 8  # digits of a hash


def read_ledger(where: str | None, columns: Columns) -> RunTable:
    """The runs of a ledger, searches left out, of one dataset, tokenizer, context, task and precision, and of one recipe's
    options and version.

    Args:
        where: Its path or URL; the one of the project in this folder where None.
        columns: What to take; params, tokens, unique tokens, trunks and losses are known without.

    Raises:
        InputError: there is no ledger or no run in it, or the runs are of several groups, which no law mixes.
    """
    with open_ledger(where) as ledger:
        runs = [run for run in ledger.runs() if run.role not in SEARCHES]
    if not runs:
        raise InputError(
            f"ledger {where or HERE}: it holds no finished run of a ladder: finish one, or name a file of runs"
        )
    unique, trunk = columns.unique_tokens or "unique_tokens", columns.trunk or "trunk"
    with _table(runs) as path:
        labels = read_table(path, {"loss": "loss"}, {name: name for name in _GROUP}, columns.where).labels
        groups = Counter(zip(*(labels[name] for name in _GROUP), strict=True))
        if len(groups) > 1:
            raise InputError(_several(groups))
        return read_runs(path, replace(columns, unique_tokens=unique, trunk=trunk))


def open_ledger(where: str | None) -> Ledger:
    """The ledger at a path or URL; the one of the project in this folder where None.

    Raises:
        InputError: there is none.
    """
    if where is None and not HERE.exists():
        raise InputError(
            f"ledger: there is no {HERE} here; run this in the folder of a project, or name one by --ledger PATH"
        )
    if where is not None and "://" not in where and not Path(where).is_file():
        raise InputError(f"--ledger {where}: no such file; expected a ledger.db or the URL of a database")
    return Ledger.open(where or HERE)


def _several(groups: Mapping[tuple[str | None, ...], int]) -> str:
    listed = "; ".join(
        f"{count} of {', '.join(f'{name} {value}' for name, value in zip(_GROUP, group, strict=True))}"
        for group, count in groups.items()
    )
    return (
        f"ledger: {sum(groups.values())} runs are of {len(groups)} groups ({listed}), which no law mixes: choose one by "
        "--where, such as --where \"dataset == '...' and recipe == 2\""
    )


@contextmanager
def _table(runs: list[Run]) -> Iterator[Path]:
    rows = [_row(run) for run in runs]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        yield path


def _row(run: Run) -> dict[str, object]:
    return {
        "study": run.study,
        "role": run.role,
        "task": run.task,
        "dataset": run.data_hash[:_SHOWN],
        "tokenizer": (run.tokenizer_hash or "none")[:_SHOWN],
        "context": run.context or "none",
        "options": options_of(run),
        "recipe": run.recipe_version,
        "precision": run.precision,
        "seed": run.seed,
        "trunk": trunk_of(run),
        "params": run.params,
        "tokens": run.tokens,
        "unique_tokens": run.unique_tokens,
        "flops": run.flops,
        "loss": run.loss,
    }
