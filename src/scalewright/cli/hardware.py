"""The hardware that an option names."""

from dataclasses import replace
from pathlib import Path

from scalewright.cli.console import errors
from scalewright.machines.cluster import Cluster
from scalewright.machines.machine import Machine
from scalewright.planning.hardware import Hardware
from scalewright.planning.on_cluster import OnCluster
from scalewright.planning.on_processor import OnProcessor


def hardware(text: str, usd_per_hour: float | None) -> Hardware:
    """`local`, measured now; the path of a machine.json; or COUNT x NAME of the catalogue or of a .toml file.

    Args:
        text: What the option says.
        usd_per_hour: Price of a device in the place of the catalogue's.

    Raises:
        InputError: there is no such machine.
    """
    if text == "local":
        return _probed(_measured(), usd_per_hour)
    if text.casefold().endswith(".json"):
        return _probed(Machine.load(Path(text)), usd_per_hour)
    return _priced(Cluster.named(text), usd_per_hour)


def _measured() -> Machine:
    from scalewright.machines.probe import probe

    errors.print(
        "measuring this machine; `probe --out machine.json` keeps what it finds for further plans", style="dim"
    )
    return probe(quick=True)


def _probed(machine: Machine, usd_per_hour: float | None) -> Hardware:
    if machine.devices[0].kind == "cpu":
        return OnProcessor(machine, usd_per_hour)
    return _priced(Cluster.of(machine), usd_per_hour)


def _priced(cluster: Cluster, usd_per_hour: float | None) -> OnCluster:
    if usd_per_hour is None:
        return OnCluster(cluster)
    device = cluster.device
    sources = device.sources | {"price": "given"}
    priced = device.model_copy(update={"usd_per_hour": usd_per_hour, "sources": sources})
    return OnCluster(replace(cluster, device=priced))
