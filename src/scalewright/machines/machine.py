"""A machine: measured rates, memory and links."""

from typing import ClassVar, Literal

from pydantic import Field

from scalewright.architectures.llama import LlamaShape
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


class Batched(Part):
    """Measured rate of `count` equal matrix products in one call; shape as in `Matmul`."""

    dtype: Precision
    count: int = Field(ge=1)
    shape: tuple[int, int, int]
    flops_per_second: float = Field(gt=0)
    spread: float = Field(ge=0)


class Attention(Part):
    """Measured rate of torch's causal attention, forward and backward.

    Attributes:
        flops_per_second: median of the repeats, 12·heads·context²·head_size FLOPs each: the whole square, though kernels may
            leave out what lies above the diagonal.
    """

    dtype: Precision
    heads: int = Field(ge=1)
    context: int = Field(ge=1)
    head_size: int = Field(ge=1)
    flops_per_second: float = Field(gt=0)
    spread: float = Field(ge=0)


class TrainingStep(Part):
    """Measured seconds of a step of our trunk on all threads: what rates of single operations leave out.

    Attributes:
        sequences: Of the step.
        seconds: Mean over the probe's rounds, of the median in each: a training takes a machine's mean, not its best.
        spread: Interquartile range of all repeats over their median.
        drift: Standard deviation of ln seconds between the rounds.
        compiled: Whether loss and model are compiled; else they are eager.
        startup_seconds: What compiling took before the first step, its cache of kernels empty; 0 where nothing was compiled.
    """

    precision: Precision
    shape: LlamaShape
    sequences: int = Field(ge=1)
    seconds: float = Field(gt=0)
    spread: float = Field(ge=0)
    drift: float = Field(default=0.0, ge=0)
    compiled: bool = False
    startup_seconds: float = Field(default=0.0, ge=0)


CollectiveKind = Literal["all_reduce", "all_gather", "send"]


class Collective(Part):
    """Measured communication of `ranks` processes.

    Attributes:
        latency_seconds: of a message of 8 bytes, on the slowest rank.
        bytes_per_second: of the tensor that is reduced, gathered (in whole) or sent, beyond the latency.
    """

    kind: CollectiveKind
    ranks: int = Field(ge=2)
    backend: str
    latency_seconds: float = Field(ge=0)
    bytes_per_second: float = Field(gt=0)

    @property
    def link_bytes_per_second(self) -> float:
        """What each device's link carries in each direction, by a ring: 2 (n-1)/n of a tensor that is reduced, (n-1)/n of one
        that is gathered (Patarasuk & Yuan 2009, J. Parallel Distrib. Comput. 69)."""
        passes = {"all_reduce": 2.0, "all_gather": 1.0, "send": self.ranks / (self.ranks - 1)}[self.kind]
        return passes * (self.ranks - 1) / self.ranks * self.bytes_per_second


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
        large_passes_bytes_per_second: the same of larger arrays on all threads, by the size of each of the three: what caches
            no longer hold.
        reads_bytes_per_second: rate of reading an array again and again on all threads, by its size in bytes: the caches.
        fresh_bytes_per_second: rate of writing memory new from the operating system for the first time.
        operation_seconds: what one operation of torch costs besides its arithmetic.
        batched, attention: measured as `matmul` is.
        grains: by precision, what a processor multiplies widths fast in multiples of; see `measure_grain`.
        steps: of small models, on a processor; empty where they were not measured.
        collectives: communication between the processes of the job that measured, if there were several.
        features: instructions of the processor that matrix products can use, as the system names them.
        trusted: whether nothing disturbed the probe: `warnings` say what did.
        links: between the devices, from `collectives`; empty where those were not measured.
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
    large_passes_bytes_per_second: dict[int, float] = Field(default_factory=dict)
    reads_bytes_per_second: dict[int, float] = Field(default_factory=dict)
    fresh_bytes_per_second: float | None = Field(default=None, gt=0)
    operation_seconds: float | None = Field(default=None, gt=0)
    batched: tuple[Batched, ...] = ()
    attention: tuple[Attention, ...] = ()
    grains: dict[str, int] = Field(default_factory=dict)
    steps: tuple[TrainingStep, ...] = ()
    collectives: tuple[Collective, ...] = ()
    features: tuple[str, ...] = ()
    trusted: bool = True
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
        content = self.model_dump(mode="json", exclude_defaults=True) | {"schema_version": self.schema_version}
        return content_hash(content)

    def grain(self, precision: str) -> int:
        """What widths are multiplied fast in multiples of; 1 where it was not measured."""
        return self.grains.get(precision, 1)

    def rate(self, dtype: str) -> float:
        """The best measured rate of matrix products in `dtype`, FLOP/s, over all shapes.

        Raises:
            InputError: nothing was measured in `dtype`.
        """
        return max(product.flops_per_second for product in self._products(dtype))

    def _products(self, dtype: str) -> list[Matmul]:
        products = [product for product in self.matmul if product.dtype == dtype]
        if not products:
            measured = ", ".join(sorted({product.dtype for product in self.matmul})) or "nothing"
            raise InputError(f"machine {self.name}: no rate was measured in {dtype}, only in {measured}")
        return products
