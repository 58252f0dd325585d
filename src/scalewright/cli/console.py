"""Where commands write, and the option that all of them share."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

errors = Console(stderr=True)
answers = Console()
_wide = Console(width=1000)

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on standard output, all else on standard error.")
]


def plain_table(title: str | None = None) -> Table:
    """A table without lines, to be given columns and rows."""
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", title=title, title_justify="left")


def print_table(table: Table) -> None:
    """A table on standard output, as wide as it is: what is cut off says nothing."""
    _wide.print(table, highlight=False, crop=False)


def print_json(answer: Mapping[str, Any]) -> None:
    """One JSON object on standard output."""
    print(json.dumps(answer, allow_nan=False))
