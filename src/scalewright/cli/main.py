"""The command line: parse, call one function, print."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from scalewright import __version__
from scalewright.cli.allocate import allocate
from scalewright.cli.arguments import Executor, Track
from scalewright.cli.console import Json, answers, errors
from scalewright.cli.fit import fit
from scalewright.cli.machines import machines
from scalewright.cli.next_runs import next_runs
from scalewright.cli.plan import plan
from scalewright.cli.predict import predict
from scalewright.cli.prepare import prepare
from scalewright.cli.probe import probe
from scalewright.cli.runs import runs
from scalewright.cli.search import search
from scalewright.cli.stopping import StoppedError, stoppable
from scalewright.cli.track import forecasts
from scalewright.cli.train import train
from scalewright.cli.waiting import wait_beside_others
from scalewright.errors import ScalewrightError

app = typer.Typer(
    name="scalewright",
    help="Plans, trains and ships the best model that your data, machines and time can buy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Options of every command; `main` reads --debug."""


_REFUSED = (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError)
"""What the system says of a place that the user should not have named."""

_TRAIN = ("torch", "tokenizers", "safetensors", "pyarrow", "PIL", "plotly")
"""Modules of the extra that the light package is without."""


def main() -> None:
    """Runs the command; one line and an exit code for each expected failure."""
    arguments = sys.argv[1:]
    if "--version" in arguments:
        print(f"scalewright {__version__}")
        raise SystemExit(0)
    try:
        app(arguments, standalone_mode=True)
    except StoppedError as interruption:
        errors.print(str(interruption), highlight=False)
        raise SystemExit(interruption.exit_code) from None
    except ScalewrightError as error:
        if "--debug" in arguments:
            errors.print_exception()
        errors.print(Text.assemble(("error", "bold red"), "  ", str(error)), soft_wrap=True)
        raise SystemExit(error.exit_code) from None
    except ModuleNotFoundError as error:
        if "--debug" in arguments or error.name not in _TRAIN:
            raise
        said = f"  {error.name} is not installed: this command needs it: pip install 'scalewright[train]'"
        errors.print(Text.assemble(("error", "bold red"), said), soft_wrap=True)
        raise SystemExit(2) from None
    except (OSError, MemoryError, RuntimeError) as error:
        if "--debug" in arguments or (isinstance(error, RuntimeError) and not _of_memory(error)):
            raise
        errors.print(Text.assemble(("error", "bold red"), "  ", _of_the_system(error)), soft_wrap=True)
        raise SystemExit(2 if isinstance(error, _REFUSED) else 1) from None


def _of_memory(error: RuntimeError) -> bool:
    # torch raises a RuntimeError where the allocator fails: "can't allocate memory" on processors, "out of memory" on CUDA.
    return "allocate memory" in str(error) or "out of memory" in str(error)


def _of_the_system(error: OSError | MemoryError | RuntimeError) -> str:
    if not isinstance(error, OSError):
        return "too little memory: finished work is kept; stop other programs or lower the budget, and run the command again"
    where = f"{error.filename}: " if error.filename else ""
    if isinstance(error, _REFUSED):
        return f"{where}{error.strerror or error}; expected a place that can be read and written: name another folder"
    return f"{where}{error.strerror or error}; finished work is kept, the same command goes on from here"


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the new project.")] = Path(),
    data: Annotated[str, typer.Option(help="Text files, folder or pattern.")] = "data/*.txt",
    minutes: Annotated[float, typer.Option(help="Time for the final training.")] = 3.5,
) -> None:
    """Writes a commented project.toml."""
    from scalewright.pipeline import write_project

    path = folder / "project.toml"
    write_project(path, name=folder.resolve().name, data=data, minutes=minutes)
    text = f"{path} written: edit `data` and `[budget]`, then scalewright run {path}"
    answers.print(text, highlight=False, markup=False, soft_wrap=True)


@app.command()
def run(
    project: Annotated[Path, typer.Argument(help="A project.toml.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done and what it would cost.")] = False,
    executor: Executor = "local",
    track: Track = None,
    json: Json = False,
) -> None:
    """Data to report: ladder, law, plan, forecast, training, score, compression. Resumable."""
    _run(project, dry_run, executor, track, json)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Folder of the demonstration.")] = Path("demo"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done and what it would cost.")] = False,
    executor: Executor = "local",
    track: Track = None,
    json: Json = False,
) -> None:
    """`run` on text that every Python has: the source of its own standard library."""
    from scalewright.pipeline import write_project
    from scalewright.tasks import STANDARD_LIBRARY

    path = folder / "project.toml"
    if not path.exists():
        write_project(path, name="python standard library", data=STANDARD_LIBRARY)
    _run(path, dry_run, executor, track, json)


def _run(project: Path, dry_run: bool, executor: str, track: list[str] | None, json: bool) -> None:
    if not dry_run:
        wait_beside_others()  # before torch is imported
    from scalewright.cli.terminal import TerminalWatch
    from scalewright.pipeline import estimate, run_project

    if dry_run:
        expected = estimate(project)
        if json:
            print(expected.model_dump_json())
        else:
            for line in expected.lines():
                answers.print(line, highlight=False, markup=False, soft_wrap=True)
        return
    with stoppable(), TerminalWatch(errors) as watch:
        outcome = run_project(project, watch=watch, executor=executor, track=track or ())
    if json:
        print(outcome.model_dump_json())
    else:
        for line in outcome.lines():
            answers.print(line, highlight=False, markup=False, soft_wrap=True)


for command in (prepare, fit, predict, allocate, plan, search, train, machines, probe, runs, forecasts):
    app.command()(command)
app.command("next")(next_runs)
