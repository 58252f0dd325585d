"""Which matrix products a probe times, and when: in rounds over all of them, so that no moment decides a rate."""

import time
from dataclasses import dataclass

from scalewright.errors import WorkError
from scalewright.machines import measurements
from scalewright.machines.machine import Matmul
from scalewright.machines.measurements import DTYPES, Shape, flops
from scalewright.machines.precision import EMULATED, Precision
from scalewright.machines.timing import MIN_CALLS, Timing

# Larger sizes tell nothing new of a precision without hardware.
_EMULATED_CAP_SECONDS = 0.1


@dataclass(frozen=True)
class Products:
    """Shapes to be timed: rows, inner, columns.

    Attributes:
        rounds: how often each is timed, the others between.
        point_seconds: of each, over all rounds.
        cap_seconds: no product is timed that alone takes longer.
        seconds: of all of them.
    """

    shapes: tuple[Shape, ...]
    rounds: int
    point_seconds: float
    cap_seconds: float
    seconds: float


def measure_products(device: str, products: Products, warnings: list[str]) -> tuple[list[Matmul], int]:
    """The rates, and how many products were left out because the time was up; a precision that torch does not multiply is
    told in `warnings`.

    Processors that are shared change their rate for a second at a time, their matrix units by a factor of two
    (docs/log.md, 2026-11-27): the median is over all rounds.

    Raises:
        WorkError: not even an fp32 product runs.
    """
    deadline = time.perf_counter() + products.seconds
    seconds = products.point_seconds / products.rounds
    timings, late = _first_round(device, products, seconds, deadline, warnings)
    for _ in range(products.rounds - 1):
        for (dtype, shape), timing in timings.items():
            if time.perf_counter() + max(MIN_CALLS * timing.seconds, seconds) <= deadline:
                timings[dtype, shape] += measurements.product(device, dtype, shape, seconds)
    return [_rate(dtype, shape, timing) for (dtype, shape), timing in timings.items()], late


def _first_round(
    device: str, products: Products, seconds: float, deadline: float, warnings: list[str]
) -> tuple[dict[tuple[Precision, Shape], Timing], int]:
    timings: dict[tuple[Precision, Shape], Timing] = {}
    best: dict[Precision, float] = {}
    failed: set[Precision] = set()
    late = 0
    # Precisions side by side at each shape: their ratio, which decides, suffers least from a drifting clock.
    for shape in products.shapes:
        for dtype in DTYPES:
            if dtype in failed:
                continue
            if dtype in best:
                call_seconds = flops(shape) / best[dtype]
                emulated = best[dtype] < EMULATED * best["fp32"]
                if call_seconds > (_EMULATED_CAP_SECONDS if emulated else products.cap_seconds):
                    continue
                if time.perf_counter() + max(MIN_CALLS * call_seconds, seconds) > deadline:
                    late += 1
                    continue
            try:
                timings[dtype, shape] = measurements.product(device, dtype, shape, seconds)
            except RuntimeError as error:
                problem = f"{dtype} {shape}: not measured: {str(error).partition(chr(10))[0]}"
                if not timings:
                    raise WorkError(f"probe: {problem}: without fp32 nothing can be compared") from error
                warnings.append(problem)
                failed.add(dtype)
                continue
            best[dtype] = max(best.get(dtype, 0.0), flops(shape) / timings[dtype, shape].seconds)
    return timings, late


def _rate(dtype: Precision, shape: Shape, timing: Timing) -> Matmul:
    rows, inner, columns = shape
    return Matmul(
        dtype=dtype,
        shape=shape,
        size=round((rows * inner * columns) ** (1 / 3)),
        flops_per_second=flops(shape) / timing.seconds,
        spread=timing.spread,
        repeats=len(timing.samples),
    )
