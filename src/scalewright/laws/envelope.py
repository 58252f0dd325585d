"""The best size at each compute, from learning curves: approach 1 of Hoffmann et al. 2022 (arXiv:2203.15556), and the
power law in compute that approaches 1 and 2 end in."""

from collections.abc import Iterator, Sequence
from typing import Literal, Self

import numpy as np
import scipy  # its submodules load when they are used
from numpy.typing import ArrayLike, NDArray

from scalewright.documents import Part
from scalewright.errors import InputError, WorkError
from scalewright.laws.runs import Runs

Array = NDArray[np.float64]

FEW_SIZES = 4
"""Fewer sizes than this leave nothing to tell a curve from noise."""


class Flag(Part):
    """What is doubtful about a best size.

    Attributes:
        code: "edge": no size below it, or none above it, was measured at this compute, so that the best may lie further
            out. "no_minimum": a parabola that opens downwards, or too few sizes for any. "one_sided": the size of lowest loss
            is the smallest or the largest, though the curve's minimum lies inside. "off_centre": a parabola's vertex far from
            the middle of the sizes. "few_sizes": fewer than `FEW_SIZES`.
        text: One sentence with the numbers and what mends it.
    """

    code: Literal["edge", "no_minimum", "one_sided", "off_centre", "few_sizes"]
    text: str


class PowerLaw(Part):
    """coefficient * C^exponent, C in FLOPs, with the exponent's standard error and central interval."""

    coefficient: float
    exponent: float
    standard_error: float
    low: float
    high: float
    level: float

    @classmethod
    def through(
        cls, log_compute: float, log_value: float, exponent: float, error: float, half: float, level: float
    ) -> Self:
        """The law through a point, its exponent with a standard error and half the width of its interval."""
        return cls(
            coefficient=float(np.exp(log_value - exponent * log_compute)),
            exponent=exponent,
            standard_error=error,
            low=exponent - half,
            high=exponent + half,
            level=level,
        )

    def at(self, compute: float) -> float:
        """Its value at a budget."""
        return float(self.coefficient * compute**self.exponent)


class Bin(Part):
    """What reaches the lowest loss at one compute.

    Attributes:
        flops: The compute.
        params: The size that owns it.
        tokens: What that size has seen there.
        loss: There, in the unit of the losses.
        smaller: Whether a smaller size was measured at this compute too.
        larger: Whether a larger size was.
    """

    flops: float
    params: float
    tokens: float
    loss: float
    smaller: bool
    larger: bool

    @property
    def inside(self) -> bool:
        """Whether the owner lies between sizes that it beats."""
        return self.smaller and self.larger


class EnvelopeFit(Part):
    """N* and D* as power laws of compute, the owner of each compute bin, and what is doubtful about them."""

    params: PowerLaw
    tokens: PowerLaw
    bins: tuple[Bin, ...]
    flags: tuple[Flag, ...]


def fit_envelope(
    compute: ArrayLike,
    params: ArrayLike,
    tokens: ArrayLike,
    loss: ArrayLike,
    runs: Sequence[object],
    *,
    bins: int = 400,
    level: float = 0.9,
) -> EnvelopeFit:
    """The lower envelope of learning curves, and the power laws across the bins that have an owner inside their sizes.

    Each run's ln loss is interpolated in ln compute between its points. Smooth noisy curves before: the envelope takes the
    lowest. It also takes every point as the best its tokens can buy, which points before the end of a learning rate's decay
    are not. The bins of one owner are one observation, so standard errors leave out one owner at a time (jackknife).

    Args:
        compute: FLOPs spent so far, of each point of each curve [n].
        params: N [n].
        tokens: D so far [n].
        loss: [n].
        runs: Label of the run that each point belongs to [n].
        bins: How many values of compute to look at, evenly in ln C from the least to the most.
        level: Of the exponents' intervals.

    Raises:
        InputError: columns differ in length, a value is not a positive finite number, or an argument is out of range.
        WorkError: fewer than three sizes own bins in which smaller and larger sizes were measured too.
    """
    if not (bins >= 3 and 0 < level < 1):
        raise InputError(f"found {bins} bins and level {level:g}: expected at least 3 bins and a level between 0 and 1")
    points = Runs.checked({"compute": compute, "params": params, "tokens": tokens}, loss, runs)
    owned = _owners(points, bins)
    kept = [owner for owner in owned if owner.inside]
    sizes = np.array([owner.params for owner in kept])
    count, flags = len(np.unique(sizes)), tuple(_doubts(owned))
    if count < 3:
        raise WorkError(
            f"{count} sizes are best where smaller and larger ones were measured too, a power law needs 3: add sizes"
            + "".join(f"; {flag.text}" for flag in flags if flag.code == "edge")
        )
    x = np.log([owner.flops for owner in kept])
    log_tokens = np.log([owner.tokens for owner in kept])
    return EnvelopeFit(
        params=_across(x, np.log(sizes), sizes, level),
        tokens=_across(x, log_tokens, sizes, level),
        bins=tuple(owned),
        flags=flags,
    )


def _owners(points: Runs, bins: int) -> list[Bin]:
    x, log_tokens, log_loss = np.log([points.inputs["compute"], points.inputs["tokens"], points.loss])
    grid = np.linspace(x[0], x[-1], bins)
    curves, position = np.unique([points.trunk, points.inputs["params"]], axis=1, return_inverse=True)
    size = curves[1]
    # Every curve over the grid [curves, bins], infinite where its run was not measured.
    rows = [np.flatnonzero(position.reshape(-1) == curve) for curve in range(len(size))]
    loss = np.exp([np.interp(grid, x[row], log_loss[row], np.inf, np.inf) for row in rows])
    tokens = np.exp([np.interp(grid, x[row], log_tokens[row]) for row in rows])
    measured = np.isfinite(loss)
    smallest = np.where(measured, size[:, None], np.inf).min(axis=0)
    largest = np.where(measured, size[:, None], 0.0).max(axis=0)
    return [
        Bin(
            flops=float(np.exp(grid[i])),
            params=float(size[best]),
            tokens=float(tokens[best, i]),
            loss=float(loss[best, i]),
            smaller=bool(smallest[i] < size[best]),
            larger=bool(largest[i] > size[best]),
        )
        for i, best in enumerate(np.argmin(loss, axis=0))
        if measured[best, i]
    ]


def _doubts(owned: Sequence[Bin]) -> Iterator[Flag]:
    for way in ("smaller", "larger"):
        flops = [owner.flops for owner in owned if not getattr(owner, way)]
        if flops:
            where = f"{len(flops) / len(owned):.0%} of the bins, {flops[0]:.3g} to {flops[-1]:.3g} FLOPs"
            text = f"in {where}, no {way} size than the best was measured: they are left out; add {way} sizes there"
            yield Flag(code="edge", text=text)
    count = len({owner.params for owner in owned if owner.inside})
    if count < FEW_SIZES:
        yield Flag(
            code="few_sizes", text=f"{count} sizes own the envelope inside its ends, fewer than {FEW_SIZES}: add sizes"
        )


def _across(x: Array, y: Array, owner: Array, level: float) -> PowerLaw:
    exponent = _slope(x, y)
    without = np.array([_slope(x[owner != size], y[owner != size]) for size in np.unique(owner)])
    error = float(np.sqrt((len(without) - 1) * without.var()))
    half = float(scipy.stats.t.ppf((1 + level) / 2, len(without) - 2)) * error
    return PowerLaw.through(float(x.mean()), float(y.mean()), exponent, error, half, level)


def _slope(x: Array, y: Array) -> float:
    away = x - x.mean()
    return float(away @ y / (away @ away))
