"""Sets of runs: which of those that could be made leave the least error at a target for what they cost together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scalewright.laws.beliefs import FARTHEST, Belief, Places, away, discrepancy, nearest

Array = NDArray[np.float64]

_CERTAIN = 1e-9  # of a prior's variance, below which a parameter counts as known
_FIRST = 10  # runs near the targets that a design is begun with in turn
_SWEEPS = 100
_GAIN = 1e-4  # of the squared error, below which an exchange is not worth making


@dataclass(frozen=True)
class Design:
    """A set of runs.

    Attributes:
        chosen: Their positions among the candidates, the one that tells most first [k].
        error: Expected root mean square error of ln loss at the targets, before the first and after each [k + 1]; what the
            forms disagree about, which only their losses will settle, is not in it.
    """

    chosen: tuple[int, ...]
    error: tuple[float, ...]


def design(
    beliefs: Sequence[Belief],
    made: Places | None,
    candidates: Places,
    cost: Array,
    spend: float,
    targets: Places,
    most: int,
    least: float = 0.0,
) -> Design:
    """The at most `most` runs whose set leaves the least expected error for `spend`; other arguments as for `next_run.choose`.

    A run that takes off less than the share `least` of what all of them take off the squared error is left out. Sets are begun
    with each of the runs nearest to the targets, which may take most of the sum, filled with what is worth most for its cost,
    and improved by exchanging one run for another (Fedorov 1972, Theory of Optimal Experiments).
    """
    search = _Search.of(beliefs, made, candidates, cost, spend, targets, most)
    affordable = np.flatnonzero(cost <= spend)
    near = affordable[np.argsort(search.away[:, affordable].min(axis=0), kind="stable")]
    begun = [[], *([int(first)] for first in near[: 3 * _FIRST : 3])]
    filled = sorted((search.filled(chosen, thrift) for chosen in begun for thrift in (1.0, 0.5)), key=search.error)
    best = min((search.exchanged(chosen) for chosen in filled[:3]), key=search.error)
    best = search.pruned(best, least)
    ordered: list[int] = []
    while len(ordered) < len(best):
        errors = search.with_another(ordered)
        ordered.append(min(set(best) - set(ordered), key=lambda run: float(errors[run])))
    error = [np.sqrt(search.error(ordered[:k])) for k in range(len(ordered) + 1)]
    return Design(tuple(ordered), tuple(float(each) for each in error))


@dataclass(frozen=True)
class _Search:
    """Expected squared errors of sets of runs.

    Attributes:
        derivatives: Of ln loss at the candidates, over the scatter, by form [P, m].
        targets: Of ln loss at the targets, by form [P, t].
        known: Inverse covariance before any of them, by form [P, P].
        weights: Of the forms [K].
        discrepancy: Of the forms together, in ln loss per e-fold.
        begun: e-folds from each target to the nearest run made [t].
        away: e-folds from each target to each candidate [t, m].
        cost: Of each candidate [m].
        spend: What a set may cost.
        most: How many runs a set may have.
    """

    derivatives: list[Array]
    targets: list[Array]
    known: list[Array]
    weights: Array
    discrepancy: float
    begun: Array
    away: Array
    cost: Array
    spend: float
    most: int

    @classmethod
    def of(
        cls,
        beliefs: Sequence[Belief],
        made: Places | None,
        candidates: Places,
        cost: Array,
        spend: float,
        targets: Places,
        most: int,
    ) -> "_Search":
        return cls(
            [belief.at(candidates)[1] / belief.sigma for belief in beliefs],
            [belief.at(targets)[1] for belief in beliefs],
            [_inverse(belief) for belief in beliefs],
            np.array([belief.weight for belief in beliefs]),
            discrepancy(beliefs),
            nearest(made, targets, beliefs),
            away(candidates, targets, beliefs),
            cost,
            spend,
            most,
        )

    def error(self, chosen: Sequence[int]) -> float:
        """Of a set."""
        variance = 0.0
        for weight, J, target, known in zip(self.weights, self.derivatives, self.targets, self.known, strict=True):
            part = J[:, list(chosen)]
            variance += weight * float((target * np.linalg.solve(known + part @ part.T, target)).sum(axis=0).mean())
        return variance + self.discrepancy**2 * float((self._nearest(chosen) ** 2).mean())

    def with_another(self, chosen: Sequence[int]) -> Array:
        """Of a set with each of the candidates besides [m]."""
        total = np.zeros(len(self.cost))
        for weight, J, target, known in zip(self.weights, self.derivatives, self.targets, self.known, strict=True):
            part = J[:, list(chosen)]
            covariance = np.linalg.inv(known + part @ part.T)
            reach = covariance @ J
            gained = ((target.T @ reach) ** 2).mean(axis=0) / (1 + np.einsum("pm,pm->m", J, reach))
            total += weight * (np.einsum("pt,pq,qt->t", target, covariance, target).mean() - gained)
        nearer = np.minimum(self._nearest(chosen)[:, None], self.away)
        return np.asarray(total + self.discrepancy**2 * (nearer**2).mean(axis=0))

    def filled(self, chosen: Sequence[int], thrift: float) -> list[int]:
        """A set with more runs, each worth most for its cost to the power `thrift`, until the sum is spent."""
        chosen = list(chosen)
        while len(chosen) < self.most:
            worth = (self.error(chosen) - self.with_another(chosen)) / self.cost**thrift
            worth[self._refused(chosen)] = -np.inf
            best = int(np.argmax(worth))
            if not worth[best] > 0:
                break
            chosen.append(best)
        return chosen

    def exchanged(self, chosen: list[int]) -> list[int]:
        """A set after the exchanges, and the additions, that take most off its error, while there are any."""
        error = self.error(chosen)
        for _ in range(_SWEEPS):
            best, then = error * (1 - _GAIN), None
            added = (chosen,) if len(chosen) < self.most else ()
            for kept in (*added, *(chosen[:i] + chosen[i + 1 :] for i in range(len(chosen)))):
                errors = self.with_another(kept)
                errors[self._refused(kept)] = np.inf
                run = int(np.argmin(errors))
                if errors[run] < best:
                    best, then = float(errors[run]), [*kept, run]
            if then is None:
                break
            chosen, error = then, best
        return chosen

    def pruned(self, chosen: list[int], least: float) -> list[int]:
        """A set without the runs that each take off too little, the least of them first."""
        while chosen:
            error = self.error(chosen)
            without = [self.error(chosen[:i] + chosen[i + 1 :]) for i in range(len(chosen))]
            place = int(np.argmin(without))
            if without[place] - error >= least * (self.error([]) - error):
                break
            chosen = chosen[:place] + chosen[place + 1 :]
        return chosen

    def _refused(self, chosen: Sequence[int]) -> NDArray[np.bool_]:
        refused = self.cost > (self.spend - self.cost[list(chosen)].sum()) * (1 + 1e-9)
        refused[list(chosen)] = True
        return np.asarray(refused)

    def _nearest(self, chosen: Sequence[int]) -> Array:
        return np.asarray(np.minimum(self.begun, self.away[:, list(chosen)].min(axis=1, initial=FARTHEST)))


def _inverse(belief: Belief) -> Array:
    # Of the covariance, which has directions without width where runs left nothing open.
    return np.asarray(np.linalg.inv(belief.covariance + _CERTAIN * np.diag(belief.form.sd**2)), dtype=np.float64)
