"""`allocate`: the best split of a budget between size and data."""

from pathlib import Path
from typing import Annotated

import typer

from scalewright.cli.arguments import LawFile, Level
from scalewright.cli.budgets import budget
from scalewright.cli.console import Json, answers, print_json
from scalewright.cli.law_text import LEVEL, print_allocation
from scalewright.cli.options import positive
from scalewright.errors import InputError
from scalewright.laws import Law, allocate_for_loss, lifetime, six_n_d
from scalewright.laws import allocate as best_split


def allocate(
    law: LawFile,
    compute: Annotated[str | None, typer.Option(metavar="C", help="Budget of FLOPs, 6 N D, such as 1e22.")] = None,
    time: Annotated[str | None, typer.Option(metavar="T", help="Budget of time, such as 12h or 3d.")] = None,
    usd: Annotated[str | None, typer.Option(metavar="X", help="Budget of money.")] = None,
    loss: Annotated[str | None, typer.Option(metavar="L", help="No budget: the least that reaches this loss.")] = None,
    rate: Annotated[str | None, typer.Option(metavar="R", help="FLOP/s that training reaches, such as 400T.")] = None,
    machine: Annotated[Path | None, typer.Option(metavar="FILE", help="A machine.json in place of --rate.")] = None,
    usd_per_hour: Annotated[str | None, typer.Option(metavar="P", help="Price of an hour.")] = None,
    inference_tokens: Annotated[
        str | None, typer.Option(metavar="T", help="Tokens to be served: the budget is of the lifetime, 6 N D + 2 N T.")
    ] = None,
    unique_tokens: Annotated[
        str | None, typer.Option(metavar="U", help="Distinct tokens there are; more are repeats.")
    ] = None,
    level: Level = LEVEL,
    json: Json = False,
) -> None:
    """Splits a budget of compute, time or money between size and data for the least loss."""
    fitted = Law.load(law)
    if set(fitted.inputs) != {"params", "tokens"}:
        raise InputError(
            f"{law}: a law in {', '.join(fitted.inputs)}; expected one in params and tokens to split compute"
        )
    unique = None if unique_tokens is None else positive("--unique-tokens", unique_tokens)
    cost = six_n_d if inference_tokens is None else lifetime(positive("--inference-tokens", inference_tokens))
    if loss is not None:
        if any(value is not None for value in (compute, time, usd, rate, machine, usd_per_hour)):
            raise InputError("--loss: stands for a budget: leave out --compute, --time and --usd, and what they need")
        best, reason = (
            allocate_for_loss(fitted, positive("--loss", loss), cost, unique, level),
            f"the least that reaches {loss}",
        )
    else:
        flops, reason = budget(compute, time, usd, rate, machine, usd_per_hour)
        best = best_split(fitted, flops, cost, unique, level)
    if json:
        print_json(best.model_dump() | {"reason": reason})
    else:
        print_allocation(answers, best, reason)
