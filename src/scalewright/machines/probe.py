"""Measures this machine: matrix products per precision and size, attention, memory, communication, idleness."""

import platform
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

import numpy as np
import torch

from scalewright.documents import Reason
from scalewright.errors import InputError
from scalewright.machines import collectives, measurements
from scalewright.machines.grain import measure_grain
from scalewright.machines.host import (
    BUSY,
    CpuTime,
    cache_bytes,
    cpu_features,
    cpu_model,
    last_level_cache_bytes,
    usable_cores,
    usable_memory_bytes,
    usable_threads,
)
from scalewright.machines.machine import Collective, Device, Link, Machine, Matmul, Precisions, TrainingStep
from scalewright.machines.measurements import DTYPES, Shape
from scalewright.machines.precision import EMULATED, Precision, advise_precision, usable_precisions
from scalewright.machines.processor import CACHED_BYTES
from scalewright.machines.products import Products, measure_products

DeviceKind = Literal["cpu", "cuda", "mps"]
"""As torch calls them: ROCm's devices are `cuda` there."""

# Median spread of a product's repeats, over all rounds, above which something disturbed them: an idle machine of one's own
# shows a tenth of it, one that is shared up to half.
_RESTLESS = 0.20


@dataclass(frozen=True)
class _Effort:
    """What a probe measures, besides plain products each for `part_seconds`.

    Attributes:
        batches: count and shape of products in one call.
        attentions: heads, context and head size.
    """

    products: Products
    batches: tuple[tuple[int, Shape], ...]
    attentions: tuple[tuple[int, int, int], ...]
    part_seconds: float


def _squares(*sizes: int) -> tuple[Shape, ...]:
    return tuple((size, size, size) for size in sizes)


# Beyond squares, what a model multiplies: 4,096 tokens by a matrix, a matrix's gradient.
_QUICK = _Effort(
    Products(
        (*_squares(128, 256, 512, 1024), (4096, 256, 1024), (256, 4096, 1024)),
        rounds=3, point_seconds=0.1, cap_seconds=0.25, seconds=4.0,
    ),
    (), (), part_seconds=0.1,
)  # fmt: skip

# Both matrices of a feed-forward block in training at several widths, 16 or 1 token in generation. The largest square is for
# accelerators: the cap leaves it out elsewhere.
_FULL = _Effort(
    Products(
        (
            *_squares(128, 256, 512, 1024, 2048, 4096),
            *((4096, width, 4 * width) for width in (128, 256, 512)),
            *((4096, 4 * width, width) for width in (128, 256, 512)),
            *((width, 4096, 4 * width) for width in (128, 256, 512)),
            *((tokens, 1024, 4096) for tokens in (16, 1)),
            *_squares(8192),
        ),
        rounds=4, point_seconds=0.4, cap_seconds=2.0, seconds=40.0,
    ),
    # Scores and mixtures of 4,096 tokens at three contexts, and of one token in generation.
    batches=(
        *((count, (context, 64, context)) for count, context in ((128, 128), (32, 512), (8, 2048))),
        *((count, (context, context, 64)) for count, context in ((128, 128), (32, 512), (8, 2048))),
        (64, (1, 64, 2048)),
    ),
    attentions=((128, 128, 64), (32, 512, 64), (8, 2048, 64), (16, 2048, 128)),
    part_seconds=0.2,
)  # fmt: skip

_ARRAY_BYTES = 256 * 2**20
_BANDWIDTH_SECONDS = 0.1

# Of every quantity that is measured in rounds, and of training steps before and after compiling.
_ROUNDS = 3
_PASS_SECONDS = 0.07
# Beyond a processor's own caches, then beyond those that it shares.
_LARGE_PASS_BYTES = tuple(2**power * 2**20 for power in (1, 2, 4, 6))
_OPERATION_SECONDS = 0.1
_READ_SECONDS = 0.1
_GRAIN_SECONDS = 0.8


class StepTimer(Protocol):
    """Times training steps of small models in rounds, so that a probe can spread them over its time."""

    def time(self) -> None:
        """One round over all of them."""

    def compile(self, precision: Precision) -> None:
        """Adds a compiled one to them."""

    def found(self) -> tuple[TrainingStep, ...]:
        """What they took."""


Steps = Callable[[int, Sequence[Precision]], StepTimer]
"""Makes a timer of eager steps on so many threads, in some precisions; see `training.reference_steps`."""


def probe(quick: bool, device: DeviceKind | Literal["auto"] = "auto", steps: Steps | None = None) -> Machine:
    """Measures this machine: in about seven seconds if `quick`, and ten more for `steps`, else in about one minute, and
    another for `steps`, which are compiled too.

    `auto` measures the accelerator where torch sees one. The rates are those of one device. Accelerators are measured by the
    same code with a synchronisation after every call; no such device has run it. On processors `steps` has training steps
    timed too.

    Raises:
        InputError: a device is asked for and torch sees none.
        WorkError: not even an fp32 product runs.
    """
    return _measured(_found(device), _QUICK if quick else _FULL, quick, (), steps)


def probe_among(
    quick: bool, device: DeviceKind | Literal["auto"] = "auto", steps: Steps | None = None
) -> Machine | None:
    """The same in each of several processes, as `torchrun` starts them: communication is measured among them, the rest by the
    first one alone; the others get None.

    Raises:
        InputError, WorkError: as `probe`.
    """
    device = _found(device)
    rank = collectives.join(device)
    try:
        communication = collectives.measure_collectives(device)
    finally:
        collectives.leave()
    return _measured(device, _QUICK if quick else _FULL, quick, communication, steps) if rank == 0 else None


def _found(device: DeviceKind | Literal["auto"]) -> DeviceKind:
    there: dict[DeviceKind, bool] = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return next(kind for kind in there if there[kind])
    if not there[device]:
        raise InputError(f"device {device}: torch {torch.__version__} sees none: use cpu, or install a build for it")
    return device


def _measured(
    device: DeviceKind, effort: _Effort, quick: bool, communication: tuple[Collective, ...], steps: Steps | None
) -> Machine:
    threads = usable_threads()
    warnings: list[str] = []
    started, before = time.perf_counter(), CpuTime.now()
    with measurements.threads(threads):
        bandwidth = _by_threads(
            device, threads, lambda: measurements.reading(device, _array_bytes(), _BANDWIDTH_SECONDS)
        )
        passes = _by_threads(device, threads, lambda: measurements.passing(device, CACHED_BYTES, _PASS_SECONDS))
        large = _in_rounds(_LARGE_PASS_BYTES, lambda size: measurements.passing(device, size, _PASS_SECONDS))
        operation = measurements.operation(device, _OPERATION_SECONDS)
        fresh = measurements.first_touch()
        reads = {} if quick or device != "cpu" else _reads()
        matmul, late = measure_products(device, effort.products, warnings)
        worth = _not_emulated(matmul)
        batched = [
            measurements.batched(device, dtype, count, shape, effort.part_seconds)
            for count, shape in effort.batches
            for dtype in worth
        ]
        attention = [
            measurements.attention(device, dtype, *shape, effort.part_seconds)
            for shape in effort.attentions
            for dtype in worth
        ]
        grains = {dtype: measure_grain(dtype, _GRAIN_SECONDS) for dtype in worth} if device == "cpu" else {}
        precisions = [each for each in worth if each != "fp16"]
        timer = steps(threads, precisions) if steps and device == "cpu" else None
        if timer:
            _time(timer)
    taken_by_others = CpuTime.now().taken_by_others_since(before)
    seconds = time.perf_counter() - started

    rates: dict[str, float] = {}
    for product in matmul:
        rates[product.dtype] = max(rates.get(product.dtype, 0.0), product.flops_per_second)
    advised, reason = advise_precision(rates)
    if timer and not quick:
        # By now the account of others is closed: compilers are processes of their own.
        timer.compile(precisions[-1])
        _time(timer)
    disturbed = _disturbances(taken_by_others, matmul, late)
    devices = _devices(device)
    if not communication and (len(devices) > 1 or devices[0].count > 1):
        warnings.append("links between the devices were not measured: probe under torchrun, a process for each")
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
        large_passes_bytes_per_second=large,
        reads_bytes_per_second=reads,
        fresh_bytes_per_second=fresh,
        operation_seconds=operation,
        batched=tuple(batched),
        attention=tuple(attention),
        grains=dict(grains),
        steps=timer.found() if timer else (),
        collectives=communication,
        features=cpu_features(),
        trusted=not disturbed,
        links=_links(devices[0].name, communication),
        precisions=Precisions(usable=usable_precisions(rates), advised=advised),
        taken_by_others=taken_by_others,
        quick=quick,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        software={"python": platform.python_version(), "torch": torch.__version__},
        warnings=(*warnings, *disturbed),
        reasons=_reasons(device, threads, seconds) | {"precisions": reason},
    )


def _time(timer: StepTimer) -> None:
    for _ in range(_ROUNDS):
        timer.time()


def _not_emulated(matmul: list[Matmul]) -> list[Precision]:
    best = {dtype: max((p.flops_per_second for p in matmul if p.dtype == dtype), default=0.0) for dtype in DTYPES}
    return [dtype for dtype, rate in best.items() if rate >= EMULATED * best["fp32"]]


def _by_threads(device: DeviceKind, threads: int, measure: Callable[[], float]) -> dict[int, float]:
    """By one thread, by powers of two, and by all; an accelerator's own under 1."""
    if device != "cpu":
        return {1: measure()}

    def by(count: int) -> float:
        with measurements.threads(count):
            return measure()

    return _in_rounds(sorted({threads} | {2**power for power in range(threads.bit_length())}), by)


def _in_rounds(cases: Iterable[int], measure: Callable[[int], float]) -> dict[int, float]:
    """The median of each, the others measured between, as products are."""
    rounds = [{case: measure(case) for case in cases} for _ in range(_ROUNDS)]
    return {case: float(np.median([rates[case] for rates in rounds])) for case in rounds[0]}


def _reads() -> dict[int, float]:
    # Half of each cache, and far more than the largest.
    sizes = [size // 2 for size in cache_bytes()]
    return {size: measurements.reading("cpu", size, _READ_SECONDS) for size in (*sizes, _array_bytes())}


def _disturbances(taken_by_others: float | None, matmul: list[Matmul], late: int) -> list[str]:
    """Why the rates should not be trusted, if there is a reason."""
    found = []
    if late:
        # Which precision pays is not to be told from the smallest products alone.
        found.append(f"{late} matrix products were not measured: their time was up; probe an idle machine")
    if taken_by_others is not None and taken_by_others > BUSY:
        found.append(
            f"{taken_by_others * 100:.0f} % of the processor was taken by others: rates are too low; "
            "stop them and probe again"
        )
    spread = float(np.median([product.spread for product in matmul]))
    if spread > _RESTLESS:
        found.append(
            f"repeats of the same product scatter by {spread:.0%}: something disturbed them; probe again when it is over"
        )
    return found


def _links(device: str, communication: tuple[Collective, ...]) -> tuple[Link, ...]:
    # What a step waits for most: gradients reduced.
    return tuple(
        Link(
            between=(device, device),
            bytes_per_second=each.link_bytes_per_second,
            latency_seconds=each.latency_seconds,
        )
        for each in communication
        if each.kind == "all_reduce"
    )


def _array_bytes() -> int:
    # Twice the cache is read from memory throughout; more would only take long to write where the cache is shared and huge.
    return min(max(_ARRAY_BYTES, 2 * last_level_cache_bytes()), usable_memory_bytes() // 8)


def _devices(device: DeviceKind) -> tuple[Device, ...]:
    if device == "cpu":
        return (Device(kind="cpu", name=cpu_model(), count=1, memory_bytes=usable_memory_bytes()),)
    if device == "mps":
        memory = torch.mps.recommended_max_memory()
        return (Device(kind="mps", name=cpu_model(), count=1, memory_bytes=memory),)
    kind: Literal["cuda", "rocm"] = "rocm" if torch.version.hip else "cuda"
    found = Counter(
        (torch.cuda.get_device_name(i), torch.cuda.mem_get_info(i)[1]) for i in range(torch.cuda.device_count())
    )
    return tuple(
        Device(kind=kind, name=name, count=count, memory_bytes=memory) for (name, memory), count in found.items()
    )


def _reasons(device: DeviceKind, threads: int, seconds: float) -> dict[str, Reason]:
    on = torch.cuda.get_device_name(0) if device == "cuda" else f"{threads} threads" if device == "cpu" else device
    system = "by the operating system; its control group's limit where that is smaller"
    measured = {
        "matmul": f"median of repeated torch.mm of random matrices on {on}, in rounds",
        "batched": f"median of repeated torch.bmm of random matrices on {on}",
        "attention": f"median of torch's scaled_dot_product_attention, forward and backward, on {on}",
        "bandwidth_bytes_per_second": f"median of repeated sums of an array of {_array_bytes() / 2**20:.0f} MiB",
        "passes_bytes_per_second": f"median of repeated products of two arrays of {CACHED_BYTES / 2**10:.0f} KiB each",
        "large_passes_bytes_per_second": "the same, of arrays of 2 to 64 MiB",
        "reads_bytes_per_second": "median of repeated sums of arrays of half each cache's size, and of a large one",
        "fresh_bytes_per_second": "median of first writes to 64 MiB mapped anew, a byte of each page",
        "operation_seconds": "median of additions of 16 numbers into an array that is there",
        "grains": "least of 8, 16 and 32 whose multiples about 200 a model's products come within 5 % of the best rate at",
        "steps": "mean over rounds of the median of repeated training steps of two small models, eager; of the first one "
        "compiled, its cache of kernels empty",
        "collectives": "median on the slowest rank: messages of 8 bytes for the latency, of 32 MiB for the rate beyond it",
        "taken_by_others": f"/proc/stat less this process's own time, over {seconds:.1f} s",
    }
    return {name: Reason(origin="measured", text=text) for name, text in measured.items()} | {
        "memory_bytes": Reason(origin="given", text=system),
        "threads": Reason(origin="given", text=system),
        "features": Reason(origin="given", text="/proc/cpuinfo"),
    }
