"""The plan: everything needed to train the final model, each number with its reason."""

from typing import ClassVar

from scalewright.architectures import LlamaShape
from scalewright.documents import Document, Part, Reason
from scalewright.machines.way import Way
from scalewright.planning.recipe import Recipe


class Candidate(Part):
    """One model that the budget could buy."""

    shape: LlamaShape
    params: int
    tokens: int
    steps: int
    flops: float
    seconds: float
    loss: float
    """Forecast, in the task's unit."""


class Interval(Part):
    """A forecast quantity with its interval."""

    value: float
    low: float
    high: float
    level: float
    unit: str


class Ideal(Part):
    """What perfect hardware would give: the work at the fp32 rate of matrix products, times bits/32, over the devices."""

    seconds: float
    devices: int
    gain: float
    """log N − log T, with the ideal time T in seconds."""


class Plan(Document):
    """A frozen plan; training it twice with the same seed on the same machine gives the same numbers."""

    KIND: ClassVar[str] = "plan"

    task: str
    data_hash: str
    law_hash: str
    choice: Candidate
    front: tuple[Candidate, ...]
    """The best model of each size within the budget, by size."""
    runner_up: Candidate
    recipe: Recipe
    way: Way
    """How its steps are computed."""
    seed: int
    unique_tokens: int
    """Training tokens there are, of a mixture what its sources are worth (`Supply.worth`); more planned tokens than these are
    repeats."""
    memory_bytes: int
    tokens_per_second: float
    mfu: float
    """Model FLOPs per second over the probed rate of matrix products in the plan's precision."""
    limit_seconds: float | None
    """Hard stop; None where the budget is not a time."""
    ideal: Ideal
    efficiency: float
    """Ideal over predicted seconds."""
    forecast: Interval
    extrapolation: float
    forecast_seconds: Interval
    compute_ratio: float
    """FLOPs of the final run over those of the largest ladder run."""
    reasons: dict[str, Reason]
