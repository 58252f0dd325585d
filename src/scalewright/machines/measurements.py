"""Single measurements of a device with torch: products, attention, memory, what an operation costs by itself."""

import mmap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from scalewright.machines.machine import Attention, Batched
from scalewright.machines.precision import Precision
from scalewright.machines.timing import Timing, time_call

Shape = tuple[int, int, int]

DTYPES: dict[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}

_PRODUCTS_TIMED_TOGETHER = 8  # on accelerators: one launch and synchronisation would be timed otherwise
_LEAST_TURNS = 3
_FRESH_BYTES = 64 * 2**20
_FRESH_REPEATS = 5
_SMALL_NUMBERS = 16  # of a tensor so small that its arithmetic costs nothing


def product(device: str, dtype: Precision, shape: Shape, seconds: float) -> Timing:
    """How long one matrix product takes.

    Raises:
        RuntimeError: torch does not multiply in this precision on this device.
    """
    rows, inner, columns = shape
    left, right = _random(device, dtype, rows, inner), _random(device, dtype, inner, columns)
    out = torch.empty(rows, columns, device=device, dtype=DTYPES[dtype])
    calls = 1 if device == "cpu" else _PRODUCTS_TIMED_TOGETHER

    def multiply() -> None:
        for _ in range(calls):
            torch.mm(left, right, out=out)
        synchronise(device)

    return time_call(multiply, seconds) / calls


def alternating(device: str, dtype: Precision, shapes: Sequence[Shape], seconds: float) -> list[float]:
    """Median seconds of each of several products that are timed in turn, call by call, for `seconds` in all."""
    operands = [
        (_random(device, dtype, rows, inner), _random(device, dtype, inner, columns)) for rows, inner, columns in shapes
    ]
    outs = [left.new_empty(len(left), right.shape[1]) for left, right in operands]
    samples: list[list[float]] = []
    deadline = time.perf_counter() + seconds
    while len(samples) <= _LEAST_TURNS or time.perf_counter() < deadline:
        turn = []
        for (left, right), out in zip(operands, outs, strict=True):
            begun = time.perf_counter()
            torch.mm(left, right, out=out)
            synchronise(device)
            turn.append(time.perf_counter() - begun)
        samples.append(turn)
    # The first turn warms up.
    return [float(each) for each in np.median(samples[1:], axis=0)]


def batched(device: str, dtype: Precision, count: int, shape: Shape, seconds: float) -> Batched:
    """The rate of `count` equal products in one call, as attention's are."""
    rows, inner, columns = shape
    left, right = _random(device, dtype, count, rows, inner), _random(device, dtype, count, inner, columns)
    out = torch.empty(count, rows, columns, device=device, dtype=DTYPES[dtype])

    def multiply() -> None:
        torch.bmm(left, right, out=out)
        synchronise(device)

    timing = time_call(multiply, seconds)
    rate = count * flops(shape) / timing.seconds
    return Batched(dtype=dtype, count=count, shape=shape, flops_per_second=rate, spread=timing.spread)


def attention(device: str, dtype: Precision, heads: int, context: int, head_size: int, seconds: float) -> Attention:
    """The rate of torch's causal attention, forward and backward, counted over the whole square."""
    shape = (1, heads, context, head_size)
    q, k, v = (_random(device, dtype, *shape).requires_grad_() for _ in range(3))
    gradient = torch.ones(shape, device=device, dtype=DTYPES[dtype])

    def attend() -> None:
        with torch.enable_grad():
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        torch.autograd.grad(mixed, (q, k, v), gradient)
        synchronise(device)

    timing = time_call(attend, seconds)
    rate = 12.0 * heads * context**2 * head_size / timing.seconds
    return Attention(
        dtype=dtype,
        heads=heads,
        context=context,
        head_size=head_size,
        flops_per_second=rate,
        spread=timing.spread,
    )


def reading(device: str, size: int, seconds: float) -> float:
    """Bytes per second at which an array of `size` bytes is read, again and again."""
    array = torch.ones(max(1, size // 4), dtype=torch.float32, device=device)

    def read() -> None:
        array.sum()
        synchronise(device)

    return array.nbytes / time_call(read, seconds).seconds


def passing(device: str, size: int, seconds: float) -> float:
    """Bytes per second, read and written, of elementwise products of two arrays of `size` bytes."""
    left, right, out = (torch.ones(size // 4, device=device) for _ in range(3))

    def multiply() -> None:
        torch.mul(left, right, out=out)
        synchronise(device)

    return 3 * left.nbytes / time_call(multiply, seconds).seconds


def first_touch() -> float:
    """Bytes per second at which memory new from the operating system is first written: what an allocator that gives
    memory back and takes it anew pays."""
    rates = []
    for _ in range(_FRESH_REPEATS):
        with mmap.mmap(-1, _FRESH_BYTES) as pages:
            array = np.frombuffer(pages, dtype=np.uint8)
            begun = time.perf_counter()
            array[:: mmap.PAGESIZE] = 1
            rates.append(_FRESH_BYTES / (time.perf_counter() - begun))
            del array
    return float(np.median(rates))


def operation(device: str, seconds: float) -> float:
    """Seconds that one operation costs besides its arithmetic: the interpreter, dispatch, a kernel's launch."""
    one = torch.ones(_SMALL_NUMBERS, device=device)
    out = torch.empty_like(one)
    calls = 100

    def add() -> None:
        for _ in range(calls):
            torch.add(one, one, out=out)
        synchronise(device)

    return time_call(add, seconds).seconds / calls


def flops(shape: Shape) -> int:
    """Multiplications and additions of a product."""
    rows, inner, columns = shape
    return 2 * rows * inner * columns


def synchronise(device: str) -> None:
    """Waits until the device has done what was asked."""
    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Arithmetic on so many threads."""
    earlier = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(earlier)


def _random(device: str, dtype: Precision, *shape: int) -> Tensor:
    return torch.randn(shape, device=device).to(DTYPES[dtype])
