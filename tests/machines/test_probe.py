import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from scalewright.architectures import LlamaFamily  # noqa: E402
from scalewright.errors import InputError, WorkError  # noqa: E402
from scalewright.machines import (  # noqa: E402
    Machine,
    measurements,
)
from scalewright.machines.host import CpuTime, cache_bytes  # noqa: E402
from scalewright.machines.machine import Attention, Batched, TrainingStep  # noqa: E402
from scalewright.machines.probe import probe  # noqa: E402
from scalewright.machines.timing import Timing  # noqa: E402

RATES = {"fp32": 200e9, "bf16": 430e9, "fp16": 3e9}


def example(name: str, dtype: str) -> Batched | Attention:
    """A measurement that no test looks at."""
    if name == "batched":
        return Batched(dtype=dtype, count=2, shape=(1, 1, 1), flops_per_second=1.0, spread=0.0)
    return Attention(dtype=dtype, heads=1, context=1, head_size=1, flops_per_second=1.0, spread=0.0)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[int, int, int]]]:
    """Puts fixed rates in place of measured ones; lists the products that were asked for."""
    asked = []

    def measured_product(device: str, dtype: str, shape: tuple[int, int, int], seconds: float) -> Timing:
        asked.append((dtype, shape))
        if dtype not in RATES:
            raise RuntimeError(f"not implemented for {dtype}\nstack")
        return Timing((measurements.flops(shape) / RATES[dtype],) * 3)

    monkeypatch.setattr(measurements, "product", measured_product)
    for name in ("reading", "passing"):
        monkeypatch.setattr(measurements, name, lambda *given: 1e9)
    monkeypatch.setattr(measurements, "operation", lambda *given: 1e-6)
    monkeypatch.setattr(measurements, "first_touch", lambda: 1e9)
    for name in ("batched", "attention"):
        monkeypatch.setattr(measurements, name, lambda device, dtype, *given, name=name: example(name, dtype))
    return asked


def test_a_quick_probe_is_sane(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    machine = probe(quick=True, device="cpu")

    assert torch.get_num_threads() == threads
    assert {p.dtype for p in machine.matmul} >= {"fp32", "bf16"}
    tall = {(4096, 256, 1024), (256, 4096, 1024)}
    assert {p.shape for p in machine.matmul} <= {(n, n, n) for n in (128, 256, 512, 1024)} | tall
    assert all(p.size == (1024 if p.shape in tall else p.shape[0]) for p in machine.matmul)
    assert machine.rate("fp32") > 0
    assert set(machine.bandwidth_bytes_per_second) == {1, machine.threads}
    assert min(machine.bandwidth_bytes_per_second.values()) > 0
    assert set(machine.passes_bytes_per_second) == {1, machine.threads}
    assert min(machine.passes_bytes_per_second.values()) > 0
    assert sorted(machine.large_passes_bytes_per_second) == [size * 2**20 for size in (2, 4, 16, 64)]
    assert machine.memory_bytes <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 1 <= machine.cores <= machine.threads <= (os.cpu_count() or 1)
    assert [(d.kind, d.count) for d in machine.devices] == [("cpu", 1)]
    assert machine.links == ()
    assert machine.precisions.advised in machine.precisions.usable
    assert machine.quick
    assert machine.software["torch"] == torch.__version__
    assert all(reason.text for reason in machine.reasons.values())
    assert set(machine.reasons) <= set(Machine.model_fields)

    machine.save(tmp_path / "machine.json")
    assert Machine.load(tmp_path / "machine.json") == machine


@pytest.mark.parametrize(("quick", "cap_seconds"), [(True, 0.25), (False, 2.0)])
def test_no_product_takes_longer_than_its_cap(
    measured: list[tuple[str, tuple[int, int, int]]], quick: bool, cap_seconds: float
) -> None:
    machine = probe(quick, device="cpu")
    for dtype, (rows, inner, columns) in measured:
        seconds = 2 * rows * inner * columns / RATES[dtype]
        assert seconds <= (0.1 if dtype == "fp16" else cap_seconds)
    squares = {dtype: max(min(shape) for d, shape in measured if d == dtype) for dtype in RATES}
    largest = 1024 if quick else 4096
    assert squares == {"fp32": largest, "bf16": largest, "fp16": 512}
    # Every product as often as there are rounds, the others between.
    rounds = 3 if quick else 4
    assert set(Counter(measured).values()) == {rounds}
    assert measured[: len(set(measured))] == measured[-len(set(measured)) :]
    assert machine.precisions.advised == "bf16"
    assert machine.precisions.usable == ("fp32", "bf16")
    assert "2.1x" in machine.reasons["precisions"].text


def test_a_full_probe_multiplies_what_models_multiply(
    measured: list[tuple[str, tuple[int, int, int]]],
) -> None:
    machine = probe(quick=False, device="cpu")
    assert {("bf16", (4096, 512, 2048)), ("fp32", (4096, 2048, 512)), ("bf16", (1, 1024, 4096))} <= set(measured)
    # What emulates half precision is not worth the time.
    assert {each.dtype for each in machine.batched} == {each.dtype for each in machine.attention} == {"fp32", "bf16"}
    assert len(machine.reads_bytes_per_second) == 1 + len(cache_bytes())


def test_when_time_is_up_every_precision_has_been_seen(
    measured: list[tuple[str, tuple[int, int, int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10**6, 100))
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    machine = probe(quick=True, device="cpu")
    assert {(p.dtype, p.shape) for p in machine.matmul} == {(d, (128, 128, 128)) for d in RATES}
    assert any("time was up" in warning for warning in machine.warnings)
    assert not machine.trusted


def test_a_precision_that_torch_does_not_multiply(
    measured: list[tuple[str, tuple[int, int, int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(RATES, "fp16")
    machine = probe(quick=True, device="cpu")
    assert {p.dtype for p in machine.matmul} == {"fp32", "bf16"}
    assert [d for d, _ in measured].count("fp16") == 1
    assert "fp16 (128, 128, 128): not measured: not implemented for fp16" in machine.warnings
    monkeypatch.delitem(RATES, "fp32")
    with pytest.raises(WorkError, match="not implemented for fp32: without fp32"):
        probe(quick=True, device="cpu")


@pytest.mark.parametrize(("share", "warned"), [(0.34, True), (0.05, False), (None, False)])
def test_a_busy_machine_is_told(
    measured: list[tuple[str, tuple[int, int, int]]],
    monkeypatch: pytest.MonkeyPatch,
    share: float | None,
    warned: bool,
) -> None:
    monkeypatch.setattr(CpuTime, "taken_by_others_since", lambda self, start: share)
    machine = probe(quick=True, device="cpu")
    assert machine.taken_by_others == share
    told = "34 % of the processor was taken by others: rates are too low; stop them and probe again"
    assert (told in machine.warnings) is warned
    assert machine.trusted is not warned


def test_repeats_that_scatter_are_told(
    measured: list[tuple[str, tuple[int, int, int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    steady = measurements.product

    def restless(timing: Timing) -> Timing:
        return Timing(tuple(share * timing.seconds for share in (0.7, 1.0, 1.3)))

    monkeypatch.setattr(measurements, "product", lambda *given: restless(steady(*given)))
    machine = probe(quick=True, device="cpu")
    assert not machine.trusted
    assert any("repeats of the same product scatter by 60%" in warning for warning in machine.warnings)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
def test_a_device_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"device cuda: .* sees none"):
        probe(quick=True, device="cuda")


def test_a_machine_is_read_without_torch() -> None:
    program = "import sys, scalewright.machines; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_training_steps_are_timed_where_they_are_asked_for(
    measured: list[tuple[str, tuple[int, int, int]]],
) -> None:
    asked: list[object] = []

    class Timer:
        def __init__(self, threads: int, precisions: list[str]) -> None:
            asked.append((threads, list(precisions)))

        def time(self) -> None:
            asked.append("round")

        def compile(self, precision: str) -> None:
            asked.append(precision)

        def found(self) -> tuple[TrainingStep, ...]:
            shape = LlamaFamily(vocabulary=64, context=8).shape(32)
            return (TrainingStep(precision="bf16", shape=shape, sequences=2, seconds=0.1, spread=0.0),)

    assert probe(quick=True, device="cpu").steps == ()
    machine = probe(quick=True, device="cpu", steps=Timer)
    # Not in what is emulated, nor in fp16, which training on processors does not offer.
    assert asked == [(machine.threads, ["fp32", "bf16"]), *["round"] * 3]
    assert machine.steps[0].seconds == 0.1
    # Compiled too where there is more than a minute, in the lowest of them, and timed again after that minute.
    asked.clear()
    probe(quick=False, device="cpu", steps=Timer)
    assert asked[1:] == [*["round"] * 3, "bf16", *["round"] * 3]
