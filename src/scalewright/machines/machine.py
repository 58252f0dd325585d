"""A machine: measured rates, memory and links."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from scalewright.documents import Document, Part, Reason
from scalewright.errors import InputError
from scalewright.files import content_hash
from scalewright.machines.precision import Precision


class Device(Part):
    """Equal devices that compute: the whole processor, or `count` accelerators of `memory_bytes` each."""

    kind: Literal["cpu", "cuda", "rocm", "mps"]
    name: str
    count: int = Field(ge=1)
    memory_bytes: int = Field(gt=0)


class Matmul(Part):
    """Measured rate of the product of a (rows, inner) by an (inner, columns) matrix.

    Attributes:
        shape: rows, inner, columns.
        size: edge of the cubic product of equal work, the cube root of rows·inner·columns.
        flops_per_second: median of the repeats, 2·rows·inner·columns FLOPs each.
        spread: interquartile range of the repeats over their median.
    """

    dtype: Precision
    shape: tuple[int, int, int]
    size: int = Field(ge=1)
    flops_per_second: float = Field(gt=0)
    spread: float = Field(ge=0)
    repeats: int = Field(ge=1)

    @property
    def square(self) -> bool:
        """Whether both factors are square matrices of the same size."""
        rows, inner, columns = self.shape
        return rows == inner == columns


class Link(Part):
    """A connection between two devices, by name: rate in each direction, and time of an empty message."""

    between: tuple[str, str]
    bytes_per_second: float = Field(gt=0)
    latency_seconds: float = Field(ge=0)


class Precisions(Part):
    """Compute precisions: those that run no slower than fp32 here, fp32 included, and the one to train in."""

    usable: tuple[Precision, ...]
    advised: Precision


class Machine(Document):
    """What one machine gives.

    Attributes:
        cpu: model of the processor.
        cores, threads: physical cores and hardware threads that this process may use.
        memory_bytes: main memory that this process may use.
        matmul: measured products, on the first of `devices`, one device of it.
        bandwidth_bytes_per_second: rate of reading far more memory than caches hold, by number of threads; an
            accelerator's is that of its own memory, under 1.
        passes_bytes_per_second: rate of elementwise products of arrays that caches hold, by number of threads: read and
            written bytes; empty where it was not measured.
        links: connections between devices; empty where there is one device.
        taken_by_others: share of the processor's time that other processes took during the probe; None where
            the system does not tell.
        quick: measured in seconds, at small sizes only.
        measured_at: UTC, ISO 8601.
        software: name and version of what the rates were measured with.
        reasons: why a number is what it is, by field name.
    """

    KIND: ClassVar[str] = "machine"

    name: str
    cpu: str
    cores: int = Field(ge=1)
    threads: int = Field(ge=1)
    memory_bytes: int = Field(gt=0)
    devices: tuple[Device, ...] = Field(min_length=1)
    matmul: tuple[Matmul, ...]
    bandwidth_bytes_per_second: dict[int, float]
    passes_bytes_per_second: dict[int, float] = Field(default_factory=dict)
    links: tuple[Link, ...]
    precisions: Precisions
    taken_by_others: float | None = Field(ge=0, le=1)
    quick: bool
    measured_at: str
    software: dict[str, str]
    warnings: tuple[str, ...]
    reasons: dict[str, Reason]

    @property
    def hash(self) -> str:
        """Content hash; what older probes did not measure is left out, so that their projects stay as they are."""
        content = self.model_dump(mode="json")
        if not self.passes_bytes_per_second:
            del content["passes_bytes_per_second"]
        return content_hash(content)

    def rate(self, dtype: str) -> float:
        """The best measured rate of matrix products in `dtype`, FLOP/s, over all shapes.

        Raises:
            InputError: nothing was measured in `dtype`.
        """
        return max(product.flops_per_second for product in self._products(dtype))

    def rate_at(self, dtype: str, size: float) -> float:
        """The rate of square matrix products of an edge of `size`, FLOP/s.

        Linear in log size between the measured sizes; beyond them, the rate at the nearest one.

        Raises:
            InputError: nothing was measured in `dtype`, or `size` is not positive.
        """
        if not size > 0:
            raise InputError(f"size of a matrix product is {size}: expected a positive number")
        squares = sorted((p.size, p.flops_per_second) for p in self._products(dtype) if p.square)
        sizes, rates = zip(*squares, strict=True)
        return float(np.interp(np.log(size), np.log(sizes), rates))

    def _products(self, dtype: str) -> list[Matmul]:
        products = [product for product in self.matmul if product.dtype == dtype]
        if not products:
            measured = ", ".join(sorted({product.dtype for product in self.matmul})) or "nothing"
            raise InputError(f"machine {self.name}: no rate was measured in {dtype}, only in {measured}")
        return products
