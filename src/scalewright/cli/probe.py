"""`probe`: what this machine really gives."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from scalewright.cli.console import Json, answers, errors, plain_table, print_json, print_table
from scalewright.cli.options import refuse_others
from scalewright.machines.machine import Machine

_DEVICES = "auto", "cpu", "cuda", "mps"


def probe(
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep it, as a machine.json for plans.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="In seconds, without compiling.")] = False,
    device: Annotated[str, typer.Option(metavar="D", help="auto, cpu, cuda (and ROCm) or mps.")] = "auto",
    json: Json = False,
) -> None:
    """Measures this machine: matrix products, attention, memory; under torchrun communication as well."""
    from scalewright.machines import collectives
    from scalewright.machines.probe import probe as measure
    from scalewright.machines.probe import probe_among
    from scalewright.training.reference_steps import ReferenceSteps

    refuse_others("--device", device, _DEVICES)
    if os.environ.get("RANK", "0") == "0":
        errors.print(
            f"measuring for {'about twenty seconds' if quick else 'about two minutes'}: leave the machine idle",
            style="dim",
        )
    measured = probe_among if collectives.launched() else measure
    machine = measured(quick, device, ReferenceSteps)  # type: ignore[arg-type]
    if machine is None:  # another process of the job answers
        return
    if out is not None:
        machine.save(out)
    if json:
        print_json(machine.model_dump(mode="json") | {
            "bandwidth": machine.bandwidth_bytes_per_second, "memory": machine.memory_bytes,
        })  # fmt: skip
        return
    for label, text in _lines(machine):
        answers.print(Text.assemble((f"{label:>10}", "bold"), "  ", text), highlight=False, soft_wrap=True)
    print_table(_products(machine))


def _lines(machine: Machine) -> Iterator[tuple[str, str]]:
    devices = ", ".join(f"{d.count} x {d.name} ({d.memory_bytes / 2**30:.0f} GiB)" for d in machine.devices)
    yield (
        "machine",
        f"{devices}; {machine.threads} threads on {machine.cores} cores, {machine.memory_bytes / 2**30:.0f} GiB",
    )
    if machine.features:
        yield "features", ", ".join(machine.features)
    yield "memory", "read at " + _rates(machine.bandwidth_bytes_per_second, "{} threads")
    if machine.reads_bytes_per_second:
        yield (
            "caches",
            "read at "
            + ", ".join(
                f"{rate / 1e9:,.0f} GB/s ({_size(size)})" for size, rate in machine.reads_bytes_per_second.items()
            ),
        )
    yield "passes", "elementwise work in the caches at " + _rates(machine.passes_bytes_per_second, "{} threads")
    if machine.fresh_bytes_per_second:
        yield (
            "allocator",
            f"memory new from the system is first written at {machine.fresh_bytes_per_second / 1e9:.2g} GB/s",
        )
    if machine.operation_seconds:
        yield "operation", f"{1e6 * machine.operation_seconds:.2g} µs each besides its arithmetic"
    if machine.grains:
        found = ", ".join(f"{grain} in {precision}" for precision, grain in machine.grains.items())
        yield "grain", f"widths are multiplied fastest in multiples of {found}"
    for each in machine.collectives:
        yield (
            each.kind.replace("_", "-"),
            f"{each.ranks} processes over {each.backend}: {1e6 * each.latency_seconds:,.0f} µs and "
            f"{each.bytes_per_second / 1e9:.3g} GB/s",
        )
    for step in machine.steps:
        kernels = f"compiled in {step.startup_seconds:.0f} s" if step.compiled else "eager"
        yield (
            "step",
            f"{1e3 * step.seconds:,.0f} ms ± {step.drift:.0%}: width {step.shape.width}, {step.shape.depth} layers, "
            f"{step.sequences * step.shape.context:,} tokens, {step.precision}, {kernels}",
        )
    yield "precision", f"{machine.precisions.advised}: {machine.reasons['precisions'].text}"
    for warning in machine.warnings:
        yield "warning", warning
    if not machine.trusted:
        yield "refused", "these rates are not to be planned with"


def _rates(rates: dict[int, float], of: str) -> str:
    return ", ".join(f"{rate / 1e9:,.0f} GB/s ({of.format(count)})" for count, rate in rates.items())


def _size(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB" if size >= 2**20 else f"{size / 2**10:,.0f} KiB"


def _products(machine: Machine) -> Table:
    table = plain_table("GFLOP/s")
    dtypes = list(dict.fromkeys(product.dtype for product in machine.matmul))
    for heading in ("product", *dtypes):
        table.add_column(heading, justify="right", no_wrap=True)
    rows: dict[str, dict[str, float]] = {}
    for product in machine.matmul:
        rows.setdefault(_shape(product.shape), {})[product.dtype] = product.flops_per_second
    for batched in machine.batched:
        name = f"{batched.count} of {_shape(batched.shape)}"
        rows.setdefault(name, {})[batched.dtype] = batched.flops_per_second
    for attention in machine.attention:
        name = f"attention, {attention.heads} heads of {attention.head_size}, {attention.context:,}"
        rows.setdefault(name, {})[attention.dtype] = attention.flops_per_second
    for name, rates in rows.items():
        table.add_row(name, *(f"{rates[dtype] / 1e9:,.4g}" if dtype in rates else "" for dtype in dtypes))
    return table


def _shape(shape: tuple[int, int, int]) -> str:
    return " x ".join(f"{edge:,}" for edge in shape)
