"""Warmup, stable, decay: the schedule whose horizons share a trunk (Hu et al. 2024, arXiv:2404.06395)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Learning rate factor of each step of a run of `total` steps; the decay is the last part, linear to zero."""

    total: int
    warmup: int
    decay_fraction: float

    @property
    def branch(self) -> int:
        """First step of the decay: a shorter and a longer run are the same up to the shorter one's branch."""
        return self.total - max(1, round(self.decay_fraction * self.total))

    def factor(self, step: int) -> float:
        """Factor on the learning rate at `step`, counted from 0."""
        if step >= self.branch:
            return (self.total - step) / (self.total - self.branch)
        return min(1.0, (step + 1) / self.warmup)
