"""The best split of a compute budget between size and data."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar

from scalewright.documents import Part
from scalewright.errors import InputError, WorkError
from scalewright.laws.law import Law

Number = TypeVar("Number", float, NDArray[np.float64])

_BELOW = 10.0
"""A split may use sizes and tokens this many times smaller than any in the data, and no smaller: forms with
an interaction mean nothing further out."""

_GRID = 161


class Allocation(Part):
    """The split of a budget, with the loss it buys in nats per token and that loss's central interval."""

    params: float
    tokens: float
    flops: float
    loss: float
    low: float
    high: float
    level: float
    extrapolation: float


def six_n_d(params: Number, tokens: Number) -> Number:
    """FLOPs of training, 6 N D (Kaplan et al. 2020, arXiv:2001.08361, table 1)."""
    return 6.0 * params * tokens


def allocate(
    law: Law,
    compute: float,
    flops: Callable[[float, float], float] = six_n_d,
    unique_tokens: float | None = None,
    level: float = 0.9,
) -> Allocation:
    """The params and tokens of least loss among those that cost `compute`.

    Args:
        law: The fitted law.
        compute: The budget, in what `flops` counts.
        flops: Cost of training N params on D tokens, growing in both.
        unique_tokens: Distinct tokens there are; tokens beyond them are repeats. Without it, all are fresh.
        level: Of the loss's interval.

    Raises:
        InputError: the budget is not positive and finite, or too small for the smallest sizes and horizons
            allowed.
        WorkError: the law has no best size between those limits.
    """
    if not (np.isfinite(compute) and compute > 0):
        raise InputError(f"compute: found {compute:g}, expected a positive finite number of FLOPs")
    least_params, least_tokens = law.support.params[0] / _BELOW, law.support.tokens[0] / _BELOW
    if flops(least_params, least_tokens) >= compute:
        raise InputError(
            f"compute: found {compute:g}, less than a tenth of the smallest size costs on a tenth of the "
            f"fewest tokens ({flops(least_params, least_tokens):.3g}): give more, or fit smaller runs"
        )

    def size(log_tokens: float) -> float:
        return _solve(lambda x: flops(np.exp(x), np.exp(log_tokens)), compute, np.log(least_params))

    def horizon(log_params: float) -> float:
        return _solve(lambda y: flops(np.exp(log_params), np.exp(y)), compute, np.log(least_tokens))

    def log_loss(log_params: float) -> float:
        tokens = np.exp(horizon(log_params))
        return float(np.log(law.losses(np.exp(log_params), tokens, unique_tokens)))

    grid = np.linspace(np.log(least_params), size(float(np.log(least_tokens))), _GRID)
    tokens = np.exp([horizon(x) for x in grid])
    losses = law.losses(np.exp(grid), tokens, unique_tokens)
    inner = [i for i in range(1, _GRID - 1) if losses[i - 1] > losses[i] <= losses[i + 1]]
    if not inner:
        edge = int(np.argmin(losses))
        raise WorkError(
            f"the law has no best size for a compute of {compute:g}: its loss falls all the way to "
            f"{np.exp(grid[edge]):.3g} params and {tokens[edge]:.3g} tokens; add runs of other sizes or "
            "horizons"
        )
    best = min(inner, key=lambda i: losses[i])
    bounds = float(grid[best - 1]), float(grid[best + 1])
    x = float(minimize_scalar(log_loss, bounds=bounds, method="bounded", options={"xatol": 1e-7}).x)
    params, chosen = float(np.exp(x)), float(np.exp(horizon(x)))
    forecast = law.predict(params, chosen, unique_tokens, level)
    return Allocation(params=params, tokens=chosen, flops=float(flops(params, chosen)), **forecast.model_dump())


def _solve(cost: Callable[[float], float], compute: float, low: float) -> float:
    # The log coordinate, from `low` up, at which a growing cost reaches the budget.
    if cost(low) >= compute:
        return low
    width = 1.0
    while cost(low + width) < compute:
        width *= 2.0
    return float(brentq(lambda z: np.log(cost(z) / compute), low, low + width, xtol=1e-12))
