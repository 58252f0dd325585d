"""`machines`: the catalogue of accelerators."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from scalewright.cli.console import Json, answers, plain_table, print_json, print_table
from scalewright.machines.catalogue import Accelerator, accelerators, find_accelerator

_SHOWN = ("fp32", "tf32", "bf16", "fp16", "fp8", "fp4", "int8")


def machines(
    name: Annotated[str | None, typer.Argument(help="One of them, or a .toml file of your own.")] = None,
    json: Json = False,
) -> None:
    """Lists the accelerators that plans know, or one with the sources of its figures."""
    found = list(accelerators().values()) if name is None else [find_accelerator(name)]
    if json:
        print_json({"machines": [device.model_dump() for device in found]})
    elif name is None:
        print_table(_table(found))
    else:
        for label, text in _lines(found[0]):
            answers.print(Text.assemble((f"{label:>10}", "bold"), "  ", text), highlight=False, soft_wrap=True)


def _table(found: list[Accelerator]) -> Table:
    table = plain_table()
    table.add_column("machine", no_wrap=True)
    for heading in (
        "memory GB",
        "GB/s",
        *(f"{each} TFLOP/s" for each in ("tf32", "half", "fp8")),
        "link GB/s",
        "W",
        "USD/h",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for device in found:
        rates = device.flops_per_second
        half = rates.get(device.halves[0]) if device.halves else None
        figures = (
            device.memory_bytes / 1e9,
            device.bandwidth_bytes_per_second / 1e9,
            *(None if rate is None else rate / 1e12 for rate in (rates.get("tf32"), half, rates.get("fp8"))),
            device.node.link_bytes_per_second / 1e9 if device.node.devices > 1 else None,
            device.watts,
            device.usd_per_hour,
        )
        table.add_row(device.name, *("" if figure is None else f"{figure:,.4g}" for figure in figures))
    return table


def _lines(device: Accelerator) -> list[tuple[str, str]]:
    rates = ", ".join(
        f"{each} {device.flops_per_second[each] / 1e12:g}" for each in _SHOWN if each in device.flops_per_second
    )
    node = device.node
    lines = [
        ("machine", f"{device.name} ({device.vendor})"),
        ("memory", f"{device.memory_bytes / 1e9:g} GB at {device.bandwidth_bytes_per_second / 1e9:,g} GB/s"),
        ("TFLOP/s", f"{rates}, dense"),
        ("node", f"{node.devices} devices, {node.link_bytes_per_second / 1e9:g} GB/s to the others and "
         f"{node.network_bytes_per_second / 1e9:g} GB/s of network each, in each direction"),
    ]  # fmt: skip
    if device.watts is not None:
        lines.append(("power", f"{device.watts:g} W"))
    if device.usd_per_hour is not None:
        lines.append(("price", f"{device.usd_per_hour:g} USD an hour"))
    if device.aliases:
        lines.append(("also", ", ".join(device.aliases)))
    return [*lines, *((f"{what}", source) for what, source in device.sources.items())]
