"""The machine that an option names, the runs that were timed on it, and what they tell of precisions."""

from collections.abc import Iterator
from pathlib import Path

from scalewright.architectures import LlamaShape
from scalewright.cli.console import errors
from scalewright.errors import InputError
from scalewright.machines.machine import Machine
from scalewright.planning.on_processor import TimedRun
from scalewright.planning.prices import UNMEASURED, Prices

LOCAL = "local"


def machine_named(text: str) -> Machine | str:
    """`local`, measured now; a probed machine where the option is the path of one; else the name as it is.

    Raises:
        InputError: there is no such machine.json.
    """
    if text == LOCAL:
        from scalewright.machines.probe import probe
        from scalewright.training.reference_steps import ReferenceSteps

        errors.print(
            "measuring this machine; `probe --out machine.json` keeps what it finds for further plans", style="dim"
        )
        return probe(quick=True, steps=ReferenceSteps)
    return Machine.load(Path(text)) if text.casefold().endswith(".json") else text


def timed_runs(ledger: str | None, machine: Machine | str) -> tuple[TimedRun, ...]:
    """The runs of a ledger that had the machine to themselves.

    Raises:
        InputError: there is no such ledger.
    """
    if ledger is None or isinstance(machine, str):
        return ()
    return tuple(_timed(ledger, machine.threads))


def ledger_prices(ledger: str | None, law: str, machine: Machine | str) -> Prices:
    """The prices of precisions that pairs of runs in a ledger tell.

    Raises:
        InputError: there is no such ledger, or it tells neither prices nor, of a catalogued machine, times.
    """
    if ledger is None:
        return UNMEASURED
    from scalewright.cli.ledger_runs import open_ledger
    from scalewright.ledger.precision_prices import measured_prices
    from scalewright.planning.published import law_and_size

    with open_ledger(ledger) as opened:
        runs = opened.runs()
    prices = measured_prices(runs, law_and_size(law)[0])
    if isinstance(machine, str) and not prices.measured:
        said = "".join(f" ({warning})" for warning in prices.warnings)
        raise InputError(
            f"--ledger {ledger}: its runs correct the times of a probed processor alone, not of {machine}, and no pairs of "
            f"them tell the price of a precision{said}: leave it out"
        )
    return prices


def _timed(ledger: str, threads: int) -> Iterator[TimedRun]:
    from scalewright.cli.ledger_runs import open_ledger

    with open_ledger(ledger) as opened:
        runs = opened.runs(role="final")
    for run in runs:
        about = run.configuration
        plain = (
            run.task == "language"
            and not about.get("compiled")
            and not {"start", "attention", "loss_parts"} & about.keys()
        )
        if plain and about.get("threads") == threads:
            shape = LlamaShape.model_validate(run.configuration["shape"])
            sequences = int(run.configuration["recipe"]["batch_size"])
            yield TimedRun(shape, sequences, run.precision, sequences * shape.context / run.tokens_per_second)
