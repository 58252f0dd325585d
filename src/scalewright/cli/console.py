"""Where commands write, and the option that all of them share."""

from typing import Annotated

import typer
from rich.console import Console

errors = Console(stderr=True)
answers = Console()

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on standard output, all else on standard error.")
]
