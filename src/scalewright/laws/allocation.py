"""The best split of a budget between size and data, and the least budget that reaches a loss."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import scipy  # its submodules load when they are used
from numpy.typing import NDArray

from scalewright.documents import Part
from scalewright.errors import InputError, WorkError
from scalewright.laws.law import Law

Array = NDArray[np.float64]
Number = TypeVar("Number", float, Array)
Cost = Callable[[float, float], float]

_BELOW = 10.0
"""A split may use sizes and tokens this many times smaller than any in the data, and no smaller: forms with
an interaction mean nothing further out."""

_GRID = 161
_FLAT = 1e-3
_OFTEN = 0.1  # share of the draws without a best size that is worth a warning
_MOST = 1e60


class Allocation(Part):
    """The split of a budget, with the loss it buys in nats per token and that loss's central interval.

    Attributes:
        flops: What it costs, in what the cost function counts.
        extrapolation: N * D over the largest N * D in the data.
        passes: How often each distinct token is seen; 1 where all are fresh.
        params_interval: The best size, over the law's draws: central interval at `level`.
        tokens_interval: The tokens that go with it.
        regret: Loss expected to be lost beside the split that each draw itself would choose: mean and 95th percentile, as
            shares of the loss.
        flat: Sizes between which the central loss stays within 0.1 % of the least.
        warnings: What is doubtful about it.
    """

    params: float
    tokens: float
    flops: float
    loss: float
    low: float
    high: float
    level: float
    extrapolation: float
    passes: float
    params_interval: tuple[float, float]
    tokens_interval: tuple[float, float]
    regret: tuple[float, float]
    flat: tuple[float, float]
    warnings: tuple[str, ...]


def six_n_d(params: Number, tokens: Number) -> Number:
    """FLOPs of training, 6 N D (Kaplan et al. 2020, arXiv:2001.08361, table 1)."""
    return 6.0 * params * tokens


def lifetime(inference_tokens: float) -> Cost:
    """FLOPs of training and of serving so many tokens, 6 N D + 2 N T (Sardana et al. 2023, arXiv:2401.00448, eq. 2)."""
    return lambda params, tokens: six_n_d(params, tokens) + 2.0 * params * inference_tokens


def allocate(
    law: Law,
    compute: float,
    flops: Cost = six_n_d,
    unique_tokens: float | None = None,
    level: float = 0.9,
) -> Allocation:
    """The params and tokens of least loss among those that cost `compute`.

    Args:
        law: The fitted law.
        compute: The budget, in what `flops` counts: of training, of a lifetime, or dollars and seconds where it counts those.
        flops: Cost of training N params on D tokens, growing in both.
        unique_tokens: Distinct tokens there are; tokens beyond them are repeats. Without it, all are fresh.
        level: Of the intervals.

    Raises:
        InputError: the budget is not positive and finite, or too small for the smallest sizes and horizons
            allowed.
        WorkError: the law has no best size between those limits.
    """
    line = _Line(law, compute, flops, unique_tokens)
    x = line.best()
    params, chosen = float(np.exp(x)), float(np.exp(line.horizon(x)))
    forecast = law.predict(params, chosen, unique_tokens, level)
    sizes, regret, lost = line.draws(x, level)
    return Allocation(
        params=params,
        tokens=chosen,
        flops=float(flops(params, chosen)),
        passes=1.0 if unique_tokens is None else max(1.0, chosen / unique_tokens),
        params_interval=sizes,
        tokens_interval=(float(np.exp(line.horizon(np.log(sizes[1])))), float(np.exp(line.horizon(np.log(sizes[0]))))),
        regret=regret,
        flat=line.flat(x),
        warnings=tuple(line.warnings(x, lost)),
        **forecast.model_dump(),
    )


def allocate_for_loss(
    law: Law,
    loss: float,
    flops: Cost = six_n_d,
    unique_tokens: float | None = None,
    level: float = 0.9,
) -> Allocation:
    """The params and tokens of least cost among those whose central forecast is `loss`; other arguments as for `allocate`.

    Raises:
        InputError: the loss is not a finite number.
        WorkError: no budget reaches it, or it is reached below the smallest sizes and horizons allowed.
    """
    if not np.isfinite(loss):
        raise InputError(f"loss: found {loss:g}, expected a finite number of nats")

    def reached(log_compute: float) -> float:
        return _Line(law, float(np.exp(log_compute)), flops, unique_tokens).least()

    low = np.log(flops(law.support.params[0], law.support.tokens[0]))
    if reached(low) <= loss:
        raise WorkError(
            f"loss: {loss:g} is reached below the smallest of the runs, where the law says nothing: ask for less"
        )
    high, step = low, np.log(10.0)
    while reached(high) > loss:
        high += step
        if high > np.log(_MOST) or reached(high) > reached(high - step) * (1 - 1e-9):
            least = reached(high - step)
            raise WorkError(
                f"loss: no budget reaches {loss:g}; the least that the law forecasts is {least:.4g}: ask for more"
            )
    compute = float(np.exp(scipy.optimize.brentq(lambda log: reached(log) - loss, high - step, high, xtol=1e-9)))
    return allocate(law, compute, flops, unique_tokens, level)


class _Line:
    # The splits of one budget, along ln N.

    def __init__(self, law: Law, compute: float, flops: Cost, unique_tokens: float | None) -> None:
        if not (np.isfinite(compute) and compute > 0):
            raise InputError(f"compute: found {compute:g}, expected a positive finite number of FLOPs")
        self.law, self.compute, self.flops, self.unique = law, compute, flops, unique_tokens
        self.least_params, self.least_tokens = law.support.params[0] / _BELOW, law.support.tokens[0] / _BELOW
        if flops(self.least_params, self.least_tokens) >= compute:
            raise InputError(
                f"compute: found {compute:g}, less than a tenth of the smallest size costs on a tenth of the "
                f"fewest tokens ({flops(self.least_params, self.least_tokens):.3g}): give more, or fit smaller runs"
            )
        largest = _solve(lambda x: flops(np.exp(x), self.least_tokens), compute, np.log(self.least_params))
        self.grid = np.linspace(np.log(self.least_params), largest, _GRID)
        self.tokens = np.exp([self.horizon(x) for x in self.grid])
        self.losses = law.losses(np.exp(self.grid), self.tokens, unique_tokens)

    def horizon(self, log_params: float) -> float:
        """ln of the tokens that the budget buys."""
        return _solve(lambda y: self.flops(np.exp(log_params), np.exp(y)), self.compute, np.log(self.least_tokens))

    def loss(self, log_params: float) -> float:
        """The central forecast of a size and the tokens that the budget buys for it."""
        return float(self.law.losses(np.exp(log_params), np.exp(self.horizon(log_params)), self.unique))

    def least(self) -> float:
        """The least loss there is, at the ends as well."""
        inside = self.loss(self.best()) if len(self._minima(self.losses)) else np.inf
        return min(inside, float(self.losses.min()))

    def best(self) -> float:
        """ln of the best size."""
        inner = self._minima(self.losses)
        if not len(inner):
            edge = int(np.argmin(self.losses))
            raise WorkError(
                f"the law has no best size for a compute of {self.compute:g}: its loss falls all the way to "
                f"{np.exp(self.grid[edge]):.3g} params and {self.tokens[edge]:.3g} tokens; add runs of other sizes or "
                "horizons"
            )
        best = int(inner[np.argmin(self.losses[inner])])

        bounds = float(self.grid[best - 1]), float(self.grid[best + 1])
        return float(
            scipy.optimize.minimize_scalar(self.loss, bounds=bounds, method="bounded", options={"xatol": 1e-7}).x
        )

    def draws(self, x: float, level: float) -> tuple[tuple[float, float], tuple[float, float], float]:
        """Interval of the best size and regret of the size e^x over the law's draws, and the share of draws without a best."""
        sizes = np.append(np.exp(self.grid), np.exp(x))
        tokens = np.append(self.tokens, np.exp(self.horizon(x)))
        losses = self.law.sample(sizes, tokens, self.unique)
        along, chosen = losses[:, :-1], losses[:, -1]
        found = along.argmin(axis=1)
        tail = (1 - level) / 2
        low, high = np.exp(np.quantile(self.grid[found], [tail, 1 - tail]))
        lost = np.maximum(chosen - along.min(axis=1), 0) / chosen
        ends = float(np.mean((found == 0) | (found == _GRID - 1)))
        return (float(low), float(high)), (float(lost.mean()), float(np.quantile(lost, 0.95))), ends

    def flat(self, x: float) -> tuple[float, float]:
        """The sizes about e^x between which the loss stays within 0.1 % of the least."""
        best = self.loss(x)
        near = self.losses <= best * (1 + _FLAT)
        place = int(np.searchsorted(self.grid, x))
        low, high = place, place - 1
        while low > 0 and near[low - 1]:
            low -= 1
        while high < _GRID - 1 and near[high + 1]:
            high += 1
        ends = np.exp([self.grid[low] if low < place else x, self.grid[high] if high >= place else x])
        return float(ends[0]), float(ends[1])

    def warnings(self, x: float, lost: float) -> list[str]:
        """What is doubtful about the size e^x."""
        found = []
        if lost > _OFTEN:
            found.append(
                f"split-unsure: {lost:.0%} of the law's draws have no best size here: the runs do not settle the split; make "
                "runs with other ratios of tokens to params"
            )
        if self.losses[[0, -1]].min() < self.loss(x):
            found.append(
                "split-edge: the law's loss is lower still at the ends of what it allows, which it does not know: its "
                "interaction of size and data goes astray there; trust no split so far beyond the runs"
            )
        if len(self._minima(self.losses)) > 1:
            found.append("split-twice: the law has more than one best size at this budget: the lowest is given")
        return found

    @staticmethod
    def _minima(losses: Array) -> NDArray[np.intp]:
        middle = losses[1:-1]
        return np.flatnonzero((losses[:-2] > middle) & (middle <= losses[2:])) + 1


def _solve(cost: Callable[[float], float], compute: float, low: float) -> float:
    # The log coordinate, from `low` up, at which a growing cost reaches the budget.
    if cost(low) >= compute:
        return low
    width = 1.0
    while cost(low + width) < compute:
        width *= 2.0
    return float(scipy.optimize.brentq(lambda z: np.log(cost(z) / compute), low, low + width, xtol=1e-12))
