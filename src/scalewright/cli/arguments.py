"""Options that the commands about laws share, and what is done with all of them."""

from pathlib import Path
from typing import Annotated

import typer

from scalewright.cli.plot import check_image
from scalewright.errors import InputError

Where = Annotated[str | None, typer.Option(help="Rows to take, such as \"dataset == 'c4' and params > 1e8\".")]
Inputs = Annotated[
    list[str] | None, typer.Option("--input", metavar="NAME=...", help="Another input of the law; repeatable.")
]
Level = Annotated[float, typer.Option(help="Probability that the interval is to hold.")]
Plot = Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it: .png, .svg or .pdf.")]
LedgerPath = Annotated[
    str | None,
    typer.Option("--ledger", metavar="PATH", help="A ledger.db or a URL; of the project in this folder else."),
]
Track = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Who hears of the final run's steps beside the ledger, in the place of \\[tracking]: mlflow:URI, "
        "tensorboard:FOLDER, wandb:PROJECT, ledger:PATH or none; repeatable.",
    ),
]
Executor = Annotated[
    str,
    typer.Option(
        metavar="WHERE",
        help="Where the small runs are trained: local, or a Ray cluster: auto, HOST:PORT, ray://HOST:PORT.",
    ),
]
LawFile = Annotated[Path, typer.Argument(metavar="LAW", help="A law.json, from scalewright fit --out.")]


def check_outputs(source: Path, out: Path | None, plot: Path | None) -> None:
    """Before any work is done for nothing."""
    if out is not None:
        if out.is_dir():
            raise InputError(f"--out {out}: this is a folder; name a file in it, such as {out / 'law.json'}")
        if out.exists() and source.exists() and out.samefile(source):
            raise InputError(f"--out {out}: this is the table of runs; name another file")
    if plot is not None:
        check_image(plot)
    if out is not None and plot is not None and out.resolve() == plot.resolve():
        raise InputError(f"--out and --plot: both are {out}; name two files")
