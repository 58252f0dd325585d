"""The machine that an option names, and the runs that were timed on it."""

from collections.abc import Iterator
from pathlib import Path

from scalewright.architectures import LlamaShape
from scalewright.cli.console import errors
from scalewright.errors import InputError
from scalewright.machines.machine import Machine
from scalewright.planning.on_processor import TimedRun

LOCAL = "local"


def machine_named(text: str) -> Machine | str:
    """`local`, measured now; a probed machine where the option is the path of one; else the name as it is.

    Raises:
        InputError: there is no such machine.json.
    """
    if text == LOCAL:
        from scalewright.machines.probe import probe

        errors.print(
            "measuring this machine; `probe --out machine.json` keeps what it finds for further plans", style="dim"
        )
        return probe(quick=True)
    return Machine.load(Path(text)) if text.casefold().endswith(".json") else text


def timed_runs(ledger: str | None, machine: Machine | str) -> tuple[TimedRun, ...]:
    """The runs of a ledger that had the machine to themselves.

    Raises:
        InputError: there is no such ledger, or the machine is not a probed one.
    """
    if ledger is None:
        return ()
    if isinstance(machine, str):
        raise InputError(f"--ledger {ledger}: its runs correct plans of a probed processor alone, not of {machine}")
    return tuple(_timed(ledger, machine.threads))


def _timed(ledger: str, threads: int) -> Iterator[TimedRun]:
    from scalewright.cli.ledger_runs import open_ledger

    with open_ledger(ledger) as opened:
        runs = opened.runs(role="final")
    for run in runs:
        if run.configuration.get("threads") == threads:
            shape = LlamaShape.model_validate(run.configuration["shape"])
            sequences = int(run.configuration["recipe"]["batch_size"])
            yield TimedRun(shape, sequences, run.precision, sequences * shape.context / run.tokens_per_second)
