"""Measures this machine: matrix products per precision and size, memory bandwidth, memory, idleness."""

import platform
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import torch

from scalewright.documents import Reason
from scalewright.errors import InputError, WorkError
from scalewright.machines.host import (
    CpuTime,
    cpu_model,
    last_level_cache_bytes,
    usable_cores,
    usable_memory_bytes,
    usable_threads,
)
from scalewright.machines.machine import Device, Machine, Matmul, Precisions
from scalewright.machines.precision import EMULATED, Precision, advise_precision, usable_precisions
from scalewright.machines.timing import MIN_CALLS, time_call

Shape = tuple[int, int, int]

_DTYPES: dict[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}

# Share of the processor in other hands above which the rates are not this machine's.
_BUSY = 0.10


@dataclass(frozen=True)
class _Effort:
    """What a probe measures: each shape for `point_seconds`; none whose product alone takes `cap_seconds`."""

    shapes: tuple[Shape, ...]
    point_seconds: float
    cap_seconds: float
    total_seconds: float


def _squares(*sizes: int) -> tuple[Shape, ...]:
    return tuple((size, size, size) for size in sizes)


_QUICK = _Effort(_squares(128, 256, 512, 1024), point_seconds=0.1, cap_seconds=0.25, total_seconds=3.5)

# Beyond squares, what a model multiplies: 4,096 tokens by both matrices of a feed-forward block in training,
# 16 or 1 in generation. The largest square is for accelerators: the cap leaves it out elsewhere.
_FULL = _Effort(
    (
        *_squares(128, 256, 512, 1024, 2048, 4096),
        *((4096, width, 4 * width) for width in (128, 256, 512)),
        *((4096, 4 * width, width) for width in (128, 256, 512)),
        *((tokens, 1024, 4096) for tokens in (16, 1)),
        *_squares(8192),
    ),
    point_seconds=0.5,
    cap_seconds=2.0,
    total_seconds=50.0,
)

# Larger sizes tell nothing new of a precision without hardware.
_EMULATED_CAP_SECONDS = 0.1

_ARRAY_BYTES = 256 * 2**20
_BANDWIDTH_SECONDS = 0.3

# Each of the three arrays of an elementwise product: such as one layer's values of a few thousand tokens.
_PASS_BYTES = 4 * 2**20
_PASS_SECONDS = 0.2


def probe(quick: bool, device: Literal["cpu", "cuda", "auto"] = "auto") -> Machine:
    """Measures this machine: in about five seconds if `quick`, else in about one minute.

    `auto` measures the accelerator where torch sees one. The rates are those of one device; links between
    several are not measured. CUDA and ROCm devices are measured by the same code with a synchronisation after
    every call; this is untested for want of such a device.

    Raises:
        InputError: `cuda` is asked for and torch sees no such device.
        WorkError: not even an fp32 product runs.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device cuda: torch {torch.__version__} sees none: use cpu, or install a build for it")
    effort = _QUICK if quick else _FULL
    threads = usable_threads()
    warnings: list[str] = []

    started, before = time.perf_counter(), CpuTime.now()
    with torch.inference_mode(), _threads(threads):
        bandwidth = _bandwidth(device, threads)
        passes = _passes(device, threads)
        matmul = _products(device, effort, started + effort.total_seconds, warnings)
    taken_by_others = CpuTime.now().taken_by_others_since(before)
    seconds = time.perf_counter() - started

    rates: dict[str, float] = {}
    for product in matmul:
        rates[product.dtype] = max(rates.get(product.dtype, 0.0), product.flops_per_second)
    advised, reason = advise_precision(rates)
    if taken_by_others is not None and taken_by_others > _BUSY:
        warnings.append(
            f"{taken_by_others * 100:.0f} % of the processor was taken by others: rates are too low; "
            "stop them and probe again"
        )
    devices = _devices(device)
    if len(devices) > 1 or devices[0].count > 1:
        warnings.append("links between the devices were not measured")
    return Machine(
        name=f"{devices[0].count} x {devices[0].name}",
        cpu=cpu_model(),
        cores=usable_cores(),
        threads=threads,
        memory_bytes=usable_memory_bytes(),
        devices=devices,
        matmul=tuple(matmul),
        bandwidth_bytes_per_second=bandwidth,
        passes_bytes_per_second=passes,
        links=(),
        precisions=Precisions(usable=usable_precisions(rates), advised=advised),
        taken_by_others=taken_by_others,
        quick=quick,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        software={"python": platform.python_version(), "torch": torch.__version__},
        warnings=tuple(warnings),
        reasons=_reasons(device, threads, seconds) | {"precisions": reason},
    )


def _products(device: str, effort: _Effort, deadline: float, warnings: list[str]) -> list[Matmul]:
    products: list[Matmul] = []
    best: dict[Precision, float] = {}
    failed: set[Precision] = set()
    late = 0
    # Precisions side by side at each shape: their ratio, which decides, suffers least from a drifting clock.
    for shape in effort.shapes:
        for dtype in _DTYPES:
            if dtype in failed:
                continue
            if dtype in best:
                call_seconds = _flops(shape) / best[dtype]
                emulated = best[dtype] < EMULATED * best["fp32"]
                if call_seconds > (_EMULATED_CAP_SECONDS if emulated else effort.cap_seconds):
                    continue
                if time.perf_counter() + max(MIN_CALLS * call_seconds, effort.point_seconds) > deadline:
                    late += 1
                    continue
            try:
                product = _product(device, dtype, shape, effort.point_seconds)
            except RuntimeError as error:
                problem = f"{dtype} {shape}: not measured: {str(error).partition(chr(10))[0]}"
                if not products:
                    raise WorkError(f"probe: {problem}: without fp32 nothing can be compared") from error
                warnings.append(problem)
                failed.add(dtype)
                continue
            best[dtype] = max(best.get(dtype, 0.0), product.flops_per_second)
            products.append(product)
    if late:
        warnings.append(f"{late} matrix products were not measured: their time was up; probe an idle machine")
    return products


def _product(device: str, dtype: Precision, shape: Shape, point_seconds: float) -> Matmul:
    rows, inner, columns = shape
    left = torch.randn(rows, inner, device=device).to(_DTYPES[dtype])
    right = torch.randn(inner, columns, device=device).to(_DTYPES[dtype])
    out = torch.empty(rows, columns, device=device, dtype=_DTYPES[dtype])

    def multiply() -> None:
        torch.mm(left, right, out=out)
        _synchronise(device)

    timing = time_call(multiply, point_seconds)
    return Matmul(
        dtype=dtype,
        shape=shape,
        size=round((rows * inner * columns) ** (1 / 3)),
        flops_per_second=_flops(shape) / timing.seconds,
        spread=timing.spread,
        repeats=timing.repeats,
    )


def _flops(shape: Shape) -> int:
    rows, inner, columns = shape
    return 2 * rows * inner * columns


def _bandwidth(device: str, threads: int) -> dict[int, float]:
    array = torch.ones(_array_bytes() // 4, dtype=torch.float32, device=device)

    def read() -> None:
        array.sum()
        _synchronise(device)

    rates = {}
    for count in sorted({1, threads} if device == "cpu" else {1}):
        with _threads(count):
            rates[count] = array.nbytes / time_call(read, _BANDWIDTH_SECONDS).seconds
    return rates


def _passes(device: str, threads: int) -> dict[int, float]:
    left, right, out = (torch.ones(_PASS_BYTES // 4, device=device) for _ in range(3))

    def multiply() -> None:
        torch.mul(left, right, out=out)
        _synchronise(device)

    rates = {}
    for count in sorted({1, threads} if device == "cpu" else {1}):
        with _threads(count):
            rates[count] = 3 * left.nbytes / time_call(multiply, _PASS_SECONDS).seconds
    return rates


def _array_bytes() -> int:
    return min(max(_ARRAY_BYTES, 8 * last_level_cache_bytes()), usable_memory_bytes() // 8)


def _devices(device: str) -> tuple[Device, ...]:
    if device == "cpu":
        return (Device(kind="cpu", name=cpu_model(), count=1, memory_bytes=usable_memory_bytes()),)
    kind: Literal["cuda", "rocm"] = "rocm" if torch.version.hip else "cuda"
    found = Counter(
        (torch.cuda.get_device_name(i), torch.cuda.mem_get_info(i)[1]) for i in range(torch.cuda.device_count())
    )
    return tuple(
        Device(kind=kind, name=name, count=count, memory_bytes=memory) for (name, memory), count in found.items()
    )


def _reasons(device: str, threads: int, seconds: float) -> dict[str, Reason]:
    on = f"{threads} threads" if device == "cpu" else torch.cuda.get_device_name(0)
    system = "by the operating system; its control group's limit where that is smaller"
    return {
        "matmul": Reason(origin="measured", text=f"median of repeated torch.mm of random matrices on {on}"),
        "bandwidth_bytes_per_second": Reason(
            origin="measured", text=f"median of repeated sums of an array of {_array_bytes() / 2**20:.0f} MiB"
        ),
        "passes_bytes_per_second": Reason(
            origin="measured", text=f"median of repeated products of two arrays of {_PASS_BYTES / 2**20:.0f} MiB each"
        ),
        "taken_by_others": Reason(
            origin="measured", text=f"/proc/stat less this process's own time, over {seconds:.1f} s"
        ),
        "memory_bytes": Reason(origin="given", text=system),
        "threads": Reason(origin="given", text=system),
    }


def _synchronise(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


@contextmanager
def _threads(count: int) -> Iterator[None]:
    earlier = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(earlier)
