"""The next run: the one that tells most, for what it costs, about losses at a target.

A run is worth what it is expected to take off the mean squared error of ln loss at the targets: the variance that the forms'
parameters leave (V-optimal design), the disagreement between forms, and the forms' discrepancy, which grows with the distance
from the nearest run. (Mean squared prediction error over several forms: Li et al. 2026, arXiv:2604.22753; the discrepancy is
ours.) Each run is made and the forms fitted again before the next is chosen; `design` looks for a set to make at once.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scalewright.laws.beliefs import Belief, Places, away, discrepancy, nearest

Array = NDArray[np.float64]
Criterion = Literal["error", "variance", "determinant"]

_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(7)
_NODE_WEIGHTS = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()


def choose(
    beliefs: Sequence[Belief],
    made: Places | None,
    candidates: Places,
    cost: Array,
    spend: float,
    targets: Places,
    *,
    most: int = 1,
    criterion: Criterion = "error",
) -> list[int]:
    """The runs to make next, each the one that is worth most for its cost given those before it, as positions.

    Args:
        beliefs: Of the forms.
        made: Where runs have been made [n] by input; None where none have.
        candidates: Runs that could be made [m] by input.
        cost: Of each [m], in what `spend` counts.
        spend: What they may cost together.
        targets: Where the loss is to be known [t] by input.
        most: How many runs at most; several are chosen as if each had the loss that is expected of it.
        criterion: "error" as above; "variance" of the heaviest form alone (V-optimal); "determinant" of its parameters'
            covariance, whatever the targets (D-optimal).
    """
    left, free = spend, np.ones(len(cost), dtype=bool)
    near = nearest(made, targets, beliefs)
    chosen: list[int] = []
    while len(chosen) < most:
        affordable = np.flatnonzero(free & (cost <= left * (1 + 1e-9)))
        if not len(affordable):
            break
        places = {name: values[affordable] for name, values in candidates.items()}
        worth = _worth(beliefs, places, targets, near, criterion)
        best = int(affordable[np.argmax(worth / cost[affordable])])
        place = {name: values[best : best + 1] for name, values in candidates.items()}
        chosen.append(best)
        left, free[best] = left - cost[best], False
        beliefs = [belief.after(place) for belief in beliefs]
        near = np.minimum(near, away(place, targets, beliefs)[:, 0])
    return chosen


def _worth(beliefs: Sequence[Belief], places: Places, targets: Places, near: Array, criterion: Criterion) -> Array:
    # What a run at each place [m] is expected to gain.
    means, spreads, forecasts, crosses = [], [], [], []
    for belief in beliefs:
        mean, J = belief.at(places)
        forecast, target = belief.at(targets)
        reach = belief.covariance @ J
        means.append(mean)
        spreads.append(np.einsum("pm,pm->m", J, reach) + belief.sigma**2)
        forecasts.append(forecast)
        crosses.append(target.T @ reach)
    weights = np.array([belief.weight for belief in beliefs])
    mean, spread, forecast, cross = np.array(means), np.array(spreads), np.array(forecasts), np.array(crosses)
    heaviest = int(np.argmax(weights))
    if criterion == "determinant":
        return np.asarray(np.log(spread[heaviest] / beliefs[heaviest].sigma ** 2))
    within = (cross**2).mean(axis=1) / spread
    if criterion == "variance":
        return np.asarray(within[heaviest])
    nearer = np.minimum(near[:, None], away(places, targets, beliefs))
    return np.asarray(
        weights @ within
        + _disagreement(weights, forecast)
        - _disagreement_after(weights, mean, spread, forecast, cross)
        + discrepancy(beliefs) ** 2 * (near[:, None] ** 2 - nearer**2).mean(axis=0)
    )


def _disagreement(weights: Array, forecast: Array) -> float:
    # Variance of the forms' forecasts [K, t] about their mean, averaged over the targets.
    return float((weights @ (forecast - weights @ forecast) ** 2).mean())


def _disagreement_after(weights: Array, mean: Array, spread: Array, forecast: Array, cross: Array) -> Array:
    # The same once a loss has been seen at each place [m], in expectation: each form in turn is taken to be right (i), the loss
    # drawn from what it expects (nodes q), and the weights and forecasts of all forms (k) follow.
    if len(weights) == 1:
        return np.zeros(mean.shape[1])
    expected = np.zeros(mean.shape[1])
    for i, weight in enumerate(weights):
        for node, share in zip(_NODES, _NODE_WEIGHTS, strict=True):
            off = mean[i] + node * np.sqrt(spread[i]) - mean
            log = np.log(weights)[:, None] - 0.5 * off**2 / spread - 0.5 * np.log(spread)
            posterior = np.exp(log - log.max(axis=0))
            posterior = posterior / posterior.sum(axis=0)
            moved = forecast[:, :, None] + cross * (off / spread)[:, None, :]
            centre = (posterior[:, None, :] * moved).sum(axis=0)
            expected += weight * share * (posterior[:, None, :] * (moved - centre) ** 2).sum(axis=0).mean(axis=0)
    return expected
