"""A plan for a cluster: the model, its data and its layout, what they cost, and why."""

from typing import ClassVar

from scalewright.architectures.decoder import Decoder
from scalewright.documents import Document, Part, Reason
from scalewright.planning.plan import Ideal, Interval


class Layout(Part):
    """How a training lies on its devices."""

    devices: int
    data: int
    tensor: int
    pipeline: int
    sharding: str
    micro_batch: int
    accumulation: int
    recompute: str

    def __str__(self) -> str:
        parts = [f"data {self.data}", f"tensor {self.tensor}", f"pipeline {self.pipeline}"]
        kept = {"none": "replicas whole", "optimiser": "optimiser sharded", "all": "weights sharded"}[self.sharding]
        again = {"none": "nothing computed again", "attention": "scores computed again", "all": "layers computed again"}
        return f"{' x '.join(parts)}, {kept}, {self.micro_batch} x {self.accumulation} sequences each, {again[self.recompute]}"


class Option(Part):
    """One model within the limits, laid out as fast as it goes.

    Attributes:
        shape: The model.
        params: N, weights in matrix products, the head included.
        params_total: All weights.
        tokens: D.
        loss: Forecast, in nats per token.
        memory_bytes, memory_parts: On the fullest device, and what it is made of.
        mfu: Model FLOPs per second over the dense peak of all devices.
        step_seconds: Where the time of a step goes.
        serving_flops_per_token, serving_bytes: Of the trained model: a forward pass, and its weights in half precision.
    """

    shape: Decoder
    params: int
    params_total: int
    tokens: float
    steps: int
    layout: Layout
    precision: str
    flops: float
    seconds: float
    device_hours: float
    usd: float | None
    kwh: float
    memory_bytes: float
    memory_parts: dict[str, float]
    tokens_per_second: float
    mfu: float
    step_seconds: dict[str, float]
    loss: float
    serving_flops_per_token: float
    serving_bytes: float


class Size(Part):
    """The best that the limits buy a size."""

    params: int
    tokens: float
    loss: float


class ClusterPlan(Document):
    """The choice for a machine and its limits, beside what it was chosen from.

    Attributes:
        machine: COUNT x NAME.
        law: The law's name or hash.
        limits: As given: seconds, usd, kwh, flops, memory_bytes.
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

    KIND: ClassVar[str] = "cluster plan"

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
