"""`allocate`: the best split of a budget between size and data."""

from typing import Annotated

import typer

from scalewright.cli.arguments import LawFile, Level
from scalewright.cli.console import Json, answers, print_json
from scalewright.cli.law_text import LEVEL, print_allocation
from scalewright.cli.options import positive
from scalewright.errors import InputError
from scalewright.laws import Law
from scalewright.laws import allocate as best_split


def allocate(
    law: LawFile,
    compute: Annotated[str, typer.Option(metavar="C", help="Budget of training FLOPs, 6 N D, such as 1e22.")],
    unique_tokens: Annotated[
        str | None, typer.Option(metavar="U", help="Distinct tokens there are; more are repeats.")
    ] = None,
    level: Level = LEVEL,
    json: Json = False,
) -> None:
    """Splits a budget of compute between size and data for the least loss."""
    fitted = Law.load(law)
    if set(fitted.inputs) != {"params", "tokens"}:
        raise InputError(
            f"{law}: a law in {', '.join(fitted.inputs)}; expected one in params and tokens to split compute"
        )
    unique = None if unique_tokens is None else positive("--unique-tokens", unique_tokens)
    best = best_split(fitted, positive("--compute", compute), unique_tokens=unique, level=level)
    if json:
        print_json(best.model_dump())
    else:
        print_allocation(answers, best)
