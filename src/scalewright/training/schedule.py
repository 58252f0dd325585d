"""How the learning rate goes: up over the warmup, then down by one of three schedules."""

import math
from dataclasses import dataclass
from typing import Protocol


class Schedule(Protocol):
    """Learning rate factor of each step of a run."""

    @property
    def total(self) -> int:
        """Steps of the run."""

    @property
    def branch(self) -> int:
        """First step that depends on `total`: a shorter and a longer run are the same up to the shorter one's branch."""

    def factor(self, step: int) -> float:
        """Factor on the learning rate at `step`, counted from 0."""


@dataclass(frozen=True)
class WarmupStableDecay:
    """Full heat until the last part, linear from there: horizons share a trunk (Hu et al. 2024, arXiv:2404.06395)."""

    total: int
    warmup: int
    decay_fraction: float
    floor: float = 0.0

    @property
    def branch(self) -> int:
        """First step of the decay."""
        return self.total - max(1, round(self.decay_fraction * self.total))

    def factor(self, step: int) -> float:
        """Factor on the learning rate at `step`, counted from 0."""
        if step >= self.branch:
            return above(self.floor, (self.total - step) / (self.total - self.branch))
        return min(1.0, (step + 1) / self.warmup)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from the warmup's end to the floor (Loshchilov & Hutter 2016, arXiv:1608.03983)."""

    total: int
    warmup: int
    floor: float = 0.0

    branch = 0

    def factor(self, step: int) -> float:
        """Factor on the learning rate at `step`, counted from 0."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        return above(self.floor, (1 + math.cos(math.pi * (step - self.warmup) / (self.total - self.warmup))) / 2)


@dataclass(frozen=True)
class Linear:
    """Evenly from the warmup's end to the floor (Bergsma et al. 2025, arXiv:2502.15938)."""

    total: int
    warmup: int
    floor: float = 0.0

    branch = 0

    def factor(self, step: int) -> float:
        """Factor on the learning rate at `step`, counted from 0."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        return above(self.floor, (self.total - step) / (self.total - self.warmup))


def above(floor: float, share: float) -> float:
    """`share` of the way from the floor up to 1."""
    return floor + (1 - floor) * share
