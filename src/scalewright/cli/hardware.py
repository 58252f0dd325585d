"""The hardware that an option names."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from scalewright.architectures import LlamaShape
from scalewright.cli.console import errors
from scalewright.cli.ledger_runs import open_ledger
from scalewright.errors import InputError
from scalewright.machines.cluster import Cluster
from scalewright.machines.machine import Machine
from scalewright.planning.hardware import Hardware
from scalewright.planning.on_cluster import OnCluster
from scalewright.planning.on_processor import OnProcessor, TimedRun


def hardware(text: str, usd_per_hour: float | None, ledger: str | None) -> Hardware:
    """`local`, measured now; the path of a machine.json; or COUNT x NAME of the catalogue or of a .toml file.

    Args:
        text: What the option says.
        usd_per_hour: Price of a device in the place of the catalogue's.
        ledger: Path or URL of one whose runs were trained on the machine; they correct what the probe says.

    Raises:
        InputError: there is no such machine or ledger, or a cluster has a ledger.
    """
    if text == "local":
        return _probed(_measured(), usd_per_hour, ledger)
    if text.casefold().endswith(".json"):
        return _probed(Machine.load(Path(text)), usd_per_hour, ledger)
    return _without_ledger(_priced(Cluster.named(text), usd_per_hour), ledger)


def _measured() -> Machine:
    from scalewright.machines.probe import probe

    errors.print(
        "measuring this machine; `probe --out machine.json` keeps what it finds for further plans", style="dim"
    )
    return probe(quick=True)


def _probed(machine: Machine, usd_per_hour: float | None, ledger: str | None) -> Hardware:
    if machine.devices[0].kind == "cpu":
        return OnProcessor(machine, usd_per_hour, () if ledger is None else tuple(_timed(ledger, machine.threads)))
    return _without_ledger(_priced(Cluster.of(machine), usd_per_hour), ledger)


def _timed(ledger: str, threads: int) -> Iterator[TimedRun]:
    # Only runs that had the machine to themselves tell what it gives.
    with open_ledger(ledger) as opened:
        runs = opened.runs()
    for run in runs:
        if run.configuration.get("threads") == threads and run.role == "final":
            shape = LlamaShape.model_validate(run.configuration["shape"])
            sequences = int(run.configuration["recipe"]["batch_size"])
            yield TimedRun(shape, sequences, run.precision, sequences * shape.context / run.tokens_per_second)


def _without_ledger(on: OnCluster, ledger: str | None) -> OnCluster:
    if ledger is not None:
        raise InputError(f"--ledger {ledger}: runs of a ledger correct plans of this machine's processor, not of {on}")
    return on


def _priced(cluster: Cluster, usd_per_hour: float | None) -> OnCluster:
    if usd_per_hour is None:
        return OnCluster(cluster)
    device = cluster.device
    sources = device.sources | {"price": "given"}
    priced = device.model_copy(update={"usd_per_hour": usd_per_hour, "sources": sources})
    return OnCluster(replace(cluster, device=priced))
