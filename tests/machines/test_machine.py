import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewright.documents import Reason
from scalewright.errors import InputError
from scalewright.files import content_hash
from scalewright.machines import Device, Link, Machine, Matmul, Precision, Precisions


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


def test_a_probe_from_before_elementwise_rates_keeps_its_hash(tmp_path: Path) -> None:
    """Otherwise a newer program would take its project's stages for those of another machine."""
    path = tmp_path / "machine.json"
    machine().save(path)
    older = json.loads(path.read_text())
    del older["passes_bytes_per_second"]
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


def test_the_rate_at_a_size_is_linear_in_its_logarithm_between_squares() -> None:
    # 512 lies half way between 256 and 1024 on a logarithmic scale; 4096 x 128 x 512 is no square.
    assert machine().rate_at("fp32", 512) == pytest.approx(150e9)
    assert machine().rate_at("fp32", 256) == pytest.approx(100e9)
    assert machine().rate_at("fp32", 1024) == pytest.approx(200e9)
    assert machine().rate_at("bf16", 10) == pytest.approx(430e9)


@given(st.floats(1, 1e6))
def test_the_rate_at_a_size_stays_between_the_measured_ones(size: float) -> None:
    assert 100e9 <= machine().rate_at("fp32", size) <= 200e9
    assert machine().rate_at("fp32", size) <= machine().rate_at("fp32", size * 1.5) + 1e-3


@pytest.mark.parametrize("size", [0, -1, float("nan")])
def test_a_size_is_positive(size: float) -> None:
    with pytest.raises(InputError, match="positive"):
        machine().rate_at("fp32", size)
