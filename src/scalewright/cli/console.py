"""Where commands write, and the option that all of them share."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

errors = Console(stderr=True)
answers = Console()

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on standard output, all else on standard error.")
]


def print_json(answer: Mapping[str, Any]) -> None:
    """One JSON object on standard output."""
    print(json.dumps(answer, allow_nan=False))
