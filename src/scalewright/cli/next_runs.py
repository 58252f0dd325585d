"""`next`: which runs to do next."""

from pathlib import Path
from typing import Annotated

import typer

from scalewright.cli.arguments import Inputs, LawFile, Level
from scalewright.cli.columns import Columns, read_places
from scalewright.cli.console import Json, answers, errors, print_json
from scalewright.cli.law_text import LEVEL, print_proposal
from scalewright.cli.options import pairs, place, positive
from scalewright.errors import InputError
from scalewright.laws import Law, allocate, propose
from scalewright.tables import read_table


def next_runs(
    law: LawFile,
    spend: Annotated[
        str, typer.Option(metavar="S", help="What the runs may cost together, in FLOPs (6 N D) or as --cost.")
    ],
    target_compute: Annotated[
        str | None, typer.Option(metavar="C", help="Target: the best split of this compute, 6 N D.")
    ] = None,
    params: Annotated[str | None, typer.Option(metavar="N", help="Size of the target.")] = None,
    tokens: Annotated[str | None, typer.Option(metavar="D", help="Tokens of the target.")] = None,
    inputs: Inputs = None,
    pool: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Table of the runs that could be made; without it they are proposed."),
    ] = None,
    cost: Annotated[
        str | None, typer.Option(metavar="COL", help="Column of --pool: what each costs.", show_default="6 N D")
    ] = None,
    most: Annotated[int, typer.Option(metavar="K", help="How many runs.")] = 8,
    level: Level = LEVEL,
    json: Json = False,
) -> None:
    """Says which runs to do next, to narrow the forecast of a target for a sum."""
    fitted = Law.load(law)
    given = {"params": params, "tokens": tokens, **pairs(inputs or ())}
    if target_compute is not None:
        if any(given.values()):
            raise InputError("--target-compute: stands for --params and --tokens: leave one or the other out")
        best = allocate(fitted, positive("--target-compute", target_compute), level=level)
        target = {"params": best.params, "tokens": best.tokens}
    else:
        target = place(fitted.inputs, given)
    candidates = costs = None
    if pool is not None:
        candidates = read_places(pool, Columns(inputs={name: name for name in fitted.inputs}), fitted.inputs).inputs
        costs = None if cost is None else read_table(pool, {"cost": cost}, {}, None).columns["cost"]
    elif cost is not None:
        raise InputError("--cost: belongs to --pool FILE; give one, or leave --cost out")
    with errors.status("looking for the runs that tell most"):
        proposal = propose(fitted, target, positive("--spend", spend), candidates, costs, most, level)
    if json:
        print_json(proposal.model_dump())
    else:
        print_proposal(answers, proposal)
