"""`search`: options of a project's recipe, where the rules are not enough."""

from pathlib import Path
from typing import Annotated

import typer

from scalewright.cli.arguments import Executor
from scalewright.cli.console import Json, answers, errors
from scalewright.cli.options import positive
from scalewright.cli.stopping import stoppable
from scalewright.errors import InputError

_PRUNERS = ("median", "halving", "none")


def search(
    project: Annotated[Path, typer.Argument(help="A project.toml.")],
    space: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=...",
            help="An option of the recipe and where to look: learning_rate=1e-3..3e-2:log, dropout=0..0.3, "
            "optimiser=adamw,muon; repeatable.",
        ),
    ],
    trials: Annotated[int, typer.Option(min=2, help="How many; the rules' own values are the first.")] = 20,
    params: Annotated[
        str | None, typer.Option(metavar="N", help="Size of the model; the ladder's smallest else.")
    ] = None,
    tokens: Annotated[
        str | None, typer.Option(metavar="D", help="Tokens of a trial; those of the ladder's smallest rung else.")
    ] = None,
    pruner: Annotated[
        str, typer.Option(metavar="P", help="Who stops poor trials early: median, halving or none.")
    ] = "median",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would cost.")] = False,
    executor: Executor = "local",
    json: Json = False,
) -> None:
    """Searches options of the recipe by Optuna, and says by how much they beat the rules. Resumable."""
    from scalewright.cli.terminal import TerminalWatch
    from scalewright.pipeline import SearchOrder, estimate_search, search_project
    from scalewright.studies import Space

    if pruner not in _PRUNERS:
        raise InputError(f"--pruner {pruner}: expected one of {', '.join(_PRUNERS)}")
    order = SearchOrder(
        space=Space.parse(space),
        trials=trials,
        pruner=pruner,
        params=None if params is None else positive("--params", params),
        tokens=None if tokens is None else positive("--tokens", tokens),
    )
    if dry_run:
        expected = estimate_search(project, order)
        lines = [expected.model_dump_json()] if json else expected.lines()
    else:
        with stoppable(), TerminalWatch(errors) as watch:
            searched = search_project(project, order, watch=watch, executor=executor)
        lines = [searched.model_dump_json()] if json else searched.lines()
    for line in lines:
        if json:
            print(line)
        else:
            answers.print(line, highlight=False, markup=False, soft_wrap=True)
