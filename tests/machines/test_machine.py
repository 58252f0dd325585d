import json
from pathlib import Path
from typing import Any

import pytest

from scalewright.documents import Reason
from scalewright.errors import InputError
from scalewright.files import content_hash
from scalewright.machines import Device, Link, Machine, Matmul, Precision, Precisions
from scalewright.machines.machine import Collective, CollectiveKind


def product(dtype: Precision, shape: tuple[int, int, int], rate: float) -> Matmul:
    rows, inner, columns = shape
    size = round((rows * inner * columns) ** (1 / 3))
    return Matmul(dtype=dtype, shape=shape, size=size, flops_per_second=rate, spread=0.02, repeats=9)


def machine(**changes: Any) -> Machine:
    fields: dict[str, Any] = {
        "name": "2 x Some-Accelerator",
        "cpu": "Some Processor 9000",
        "cores": 4,
        "threads": 8,
        "memory_bytes": 2**35,
        "devices": (Device(kind="cuda", name="Some-Accelerator", count=2, memory_bytes=80 * 10**9),),
        "matmul": (
            product("fp32", (4096, 128, 512), 500e9),
            product("fp32", (1024, 1024, 1024), 200e9),
            product("fp32", (256, 256, 256), 100e9),
            product("bf16", (1024, 1024, 1024), 430e9),
        ),
        "bandwidth_bytes_per_second": {1: 20e9, 8: 58e9},
        "links": (Link(between=("0", "1"), bytes_per_second=300e9, latency_seconds=2e-6),),
        "precisions": Precisions(usable=("fp32", "bf16"), advised="bf16"),
        "taken_by_others": 0.02,
        "quick": True,
        "measured_at": "2026-01-01T00:00:00+00:00",
        "software": {"torch": "2.13.0", "python": "3.11.7"},
        "warnings": ("one",),
        "reasons": {"precisions": Reason(origin="measured", text="2.1x")},
    }
    return Machine(**(fields | changes))


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "machine.json"
    kept = machine()
    kept.save(path)
    assert Machine.load(path) == kept
    assert Machine.load(path).hash == kept.hash
    plain = json.loads(path.read_text())
    assert plain["bandwidth_bytes_per_second"] == {"1": 20e9, "8": 58e9}
    assert plain["matmul"][3]["dtype"] == "bf16"


LATER = (
    "passes_bytes_per_second", "large_passes_bytes_per_second", "reads_bytes_per_second", "fresh_bytes_per_second",
    "operation_seconds", "batched", "attention", "grains", "steps", "collectives", "features", "trusted",
)  # fmt: skip


def test_a_probe_that_measured_less_keeps_its_hash(tmp_path: Path) -> None:
    """Otherwise a newer program would take its project's stages for those of another machine."""
    path = tmp_path / "machine.json"
    machine().save(path)
    older = json.loads(path.read_text())
    for name in LATER:
        del older[name]
    path.write_text(json.dumps(older))
    assert Machine.load(path).hash == content_hash(older)
    assert machine(passes_bytes_per_second={1: 1e11}).hash != content_hash(older)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("taken_by_others", 1.5),
        ("threads", 0),
        ("devices", []),
        ("precisions", {"usable": ["fp64"], "advised": "fp32"}),
        ("gpu", 1),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, field: str, value: object) -> None:
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(machine().model_dump(mode="json") | {field: value}))
    with pytest.raises(InputError, match=rf"machine\.json: not a machine: {field}"):
        Machine.load(path)


def test_the_best_rate_is_over_all_shapes() -> None:
    assert machine().rate("fp32") == 500e9
    assert machine().rate("bf16") == 430e9
    with pytest.raises(InputError, match="no rate was measured in fp16, only in bf16, fp32"):
        machine().rate("fp16")


@pytest.mark.parametrize(("kind", "share"), [("all_reduce", 1.5), ("all_gather", 0.75), ("send", 1.0)])
def test_a_ring_carries_its_share_of_a_tensor(kind: CollectiveKind, share: float) -> None:
    # Of four ranks each sends three quarters of the tensor round, twice where it is reduced (Patarasuk & Yuan 2009).
    ranks = 2 if kind == "send" else 4
    found = Collective(kind=kind, ranks=ranks, backend="gloo", latency_seconds=1e-5, bytes_per_second=2e9)
    assert found.link_bytes_per_second == pytest.approx(share * 2e9)
