"""A plan for a machine or a cluster of one: the model, its data and its layout, what they cost, and why."""

from typing import ClassVar

from scalewright.architectures.decoder import Decoder
from scalewright.documents import Document, Part, Reason
from scalewright.planning.plan import Ideal, Interval


class Layout(Part):
    """How a training lies on its devices."""

    devices: int
    data: int
    tensor: int
    context: int = 1
    pipeline: int
    stages: int = 1
    """Of the pipeline on each device: several are interleaved (Narayanan et al. 2021, arXiv:2104.04473)."""
    sharding: str
    shards: int = 1
    micro_batch: int
    accumulation: int
    recompute: str
    threads: int | None = None
    """Of a processor."""
    compiled: bool = False
    """Whether torch.compile makes kernels of each step."""

    @classmethod
    def alone(cls, threads: int | None = None, compiled: bool = False) -> "Layout":
        """One process, all rows at once."""
        return cls(
            devices=1,
            data=1,
            tensor=1,
            pipeline=1,
            sharding="none",
            micro_batch=1,
            accumulation=1,
            recompute="none",
            threads=threads,
            compiled=compiled,
        )

    def __str__(self) -> str:
        if self.threads is not None:
            sequences = f"{self.micro_batch} x {self.accumulation} sequences"
            replicas = f"{self.data} replicas, " if self.data > 1 else ""
            return f"{replicas}{'compiled' if self.compiled else 'eager'}, {self.threads} threads, {sequences}"
        degrees = {"data": self.data, "tensor": self.tensor, "context": self.context, "pipeline": self.pipeline}
        parts = [f"{name} {degree}" for name, degree in degrees.items() if name != "context" or degree > 1]
        kept = {"none": "replicas whole", "optimiser": "optimiser sharded", "all": "weights sharded"}[self.sharding]
        if 1 < self.shards < self.data * self.context:
            kept += f" in groups of {self.shards}"
        again = {"none": "nothing computed again", "attention": "scores computed again", "all": "layers computed again"}
        return f"{' x '.join(parts)}, {kept}, {self.micro_batch} x {self.accumulation} sequences each, {again[self.recompute]}"


class Option(Part):
    """One model within the limits, laid out as fast as it goes.

    Attributes:
        shape: The model.
        params: N, weights in matrix products, the head included.
        params_total: All weights.
        tokens: D.
        sequences: Of a step.
        seconds, startup_seconds: Of the training, and of it what goes by before the first step.
        loss: Forecast, in nats per token.
        memory_bytes, memory_parts: On the fullest device, and what it is made of.
        mfu: Model FLOPs per second over the dense peak of all devices.
        step_seconds: Where the time of a step goes.
        serving_flops_per_token, serving_bytes, serving_seconds_per_token: Of the trained model in half precision on one device:
            a forward pass; its weights and one sequence's cache; generating for one reader.
        serving_seconds: Of all devices for the tokens to be served.
    """

    shape: Decoder
    params: int
    params_total: int
    tokens: float
    sequences: int
    steps: int
    layout: Layout
    precision: str
    flops: float
    seconds: float
    startup_seconds: float
    device_hours: float
    usd: float | None
    kwh: float | None
    memory_bytes: float
    memory_parts: dict[str, float]
    tokens_per_second: float
    mfu: float
    step_seconds: dict[str, float]
    loss: float
    serving_flops_per_token: float
    serving_bytes: float
    serving_seconds_per_token: float
    serving_seconds: float


class Size(Part):
    """The best that the limits buy a size."""

    params: int
    tokens: float
    loss: float


class MachinePlan(Document):
    """The choice for a machine and its limits, beside what it was chosen from.

    Attributes:
        machine: COUNT x NAME.
        law: The law's name or hash.
        limits: As given: seconds, usd, kwh, flops, memory_bytes; of serving: serving_memory_bytes, serving_seconds_per_token,
            serving_tokens.
        choice: The least loss within the limits.
        sizes: Every shape that fits, by params.
        usable_memory_bytes: Of each device.
        front: What is best for something else: less time, less memory, cheaper to serve, at the loss that it costs.
        runner_up: The best of another size.
        flop_optimal: What the FLOPs of the choice would buy if every shape ran equally fast.
        regret: Loss above the best size, mean over the law's draws and in one of twenty.
        ideal, efficiency: The textbook's time, and that over the planned one.
        forecast, forecast_seconds: With intervals.
    """

    KIND: ClassVar[str] = "machine plan"

    machine: str
    law: str
    limits: dict[str, float]
    choice: Option
    sizes: tuple[Size, ...]
    usable_memory_bytes: float
    front: tuple[Option, ...]
    runner_up: Option | None
    flop_optimal: Size
    regret: tuple[float, float]
    ideal: Ideal
    efficiency: float
    forecast: Interval
    forecast_seconds: Interval
    extrapolation: float
    warnings: tuple[str, ...]
    reasons: dict[str, Reason]
