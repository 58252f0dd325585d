"""How fast a model trains here: measured at a few sizes, read off between them."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from scalewright.documents import Document, Part


class MeasuredSpeed(Part):
    """Training steps timed on this machine."""

    flops_per_token: float = Field(gt=0)
    """Of a training step of the shape that was timed."""
    tokens_per_second: float = Field(gt=0)
    """Median over the timed steps."""
    spread: float = Field(ge=0)
    """Interquartile range of the steps' times over their median."""
    steps: int = Field(ge=1)


class Speed(Part):
    """Training speed of one process with `threads` threads while `beside` others like it are at work.

    Seconds per token are linear between the measured sizes in the FLOPs per token, and beyond them follow the
    last two sizes: an overhead, and the rate of the matrix products.
    """

    precision: str
    threads: int = Field(ge=1)
    beside: int = Field(ge=0)
    batch_size: int = Field(ge=1)
    points: tuple[MeasuredSpeed, ...] = Field(min_length=2)

    def tokens_per_second(self, flops_per_token: float) -> float:
        """Tokens per second of a shape that costs `flops_per_token` FLOPs per token and training step."""
        points = sorted(self.points, key=lambda point: point.flops_per_token)
        work = np.array([point.flops_per_token for point in points])
        seconds = np.maximum.accumulate(np.array([1 / point.tokens_per_second for point in points]))
        if flops_per_token > work[-1]:
            # Noise must not make a larger model look as fast as, or absurdly slower than, its share of work.
            slope = (seconds[-1] - seconds[-2]) / (work[-1] - work[-2])
            slope = float(np.clip(slope, 0.5 * seconds[-1] / work[-1], seconds[-1] / work[-1]))
            return float(1 / (seconds[-1] + slope * (flops_per_token - work[-1])))
        return float(1 / np.interp(flops_per_token, work, seconds))

    def drifted(self, factor: float) -> "Speed":
        """This speed where the machine turned out to run at `factor` of the timed one."""
        points = tuple(
            point.model_copy(update={"tokens_per_second": factor * point.tokens_per_second}) for point in self.points
        )
        return self.model_copy(update={"points": points})

    def spread(self) -> float:
        """Typical relative spread of a step's time: the median over the measured sizes."""
        return float(np.median([point.spread for point in self.points]))


class Speeds(Document):
    """`speeds.json`: how fast a project's models train on its machine, measured once."""

    KIND: ClassVar[str] = "training speeds"

    ladder: Speed
    """One of several processes side by side, a thread each."""
    final: Speed
    """The whole machine for one run."""
