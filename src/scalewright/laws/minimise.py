"""Robust fits of one form to many data sets at once."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scalewright.laws.forms.form import Form
from scalewright.laws.runs import Points

Array = NDArray[np.float64]

_ITERATIONS = 100
_STUCK = 1e8
_CHUNK = 200_000  # numbers of a Jacobian worked on at once: more do not fit the processor's cache
_SHARP = 1e-3  # relative gain of a step below which the exact curvature of the Huber loss is used


@dataclass(frozen=True)
class Problem:
    """What is fitted: S problems over the same places, with S = 1 standing for all.

    Attributes:
        form: The form.
        points: Places of the n runs.
        log_loss: ln of the relative losses [1 or S, n].
        sigma: Scale of the residuals [1 or S]; 1 leaves them as they are.
        delta: Residuals beyond this many sigma count linearly (Huber 1964); infinite for least squares.
        centre: Prior centres [1 or S, P].
        precision: Of the priors, 1 / sd^2 [P]; 0 for none.
        weights: Of each run [1 or S, n].
    """

    form: Form
    points: Points
    log_loss: Array
    sigma: Array
    delta: float
    centre: Array
    precision: Array
    weights: Array

    def take(self, problems: NDArray[np.intp] | slice) -> "Problem":
        """Some of the problems."""

        def part(values: Array) -> Array:
            return values if len(values) == 1 else values[problems]

        return replace(
            self,
            log_loss=part(self.log_loss),
            sigma=part(self.sigma),
            centre=part(self.centre),
            weights=part(self.weights),
        )

    def objective(self, theta: Array, residuals: Array) -> Array:
        """Sum of Huber(residual / sigma) and of the priors' share [S]."""
        size = np.abs(residuals / self.sigma[:, None])
        clipped = np.minimum(size, self.delta)
        fit = np.einsum("sn,sn->s", np.broadcast_to(self.weights, size.shape), clipped * (size - 0.5 * clipped))
        return np.asarray(fit + 0.5 * ((theta - self.centre) ** 2 * self.precision).sum(axis=1))


@dataclass(frozen=True)
class Minima:
    """Where the fits ended, one per problem.

    Attributes:
        theta: Parameters [S, P].
        objective: Of the problem, [S].
    """

    theta: Array
    objective: Array


def minimise(problem: Problem, start: Array, tolerance: float = 1e-7) -> Minima:
    """Minima from first guesses [S, P]; ends where a step gains less than `tolerance` of the objective.

    Damped Gauss-Newton (Levenberg 1944, Marquardt 1963): far from the minimum with the weights of iterated least squares, near
    it with the curvature of the Huber loss itself, which converges quadratically.
    """
    size = max(1, _CHUNK // (len(problem.points) * start.shape[1]))
    parts = [slice(first, first + size) for first in range(0, len(start), size)]
    found = [_minimise(problem.take(part), start[part], tolerance) for part in parts]
    return Minima(np.concatenate([f.theta for f in found]), np.concatenate([f.objective for f in found]))


def _minimise(problem: Problem, start: Array, tolerance: float) -> Minima:
    S, P = start.shape
    form, sd, diagonal = problem.form, problem.form.sd, np.arange(P)
    theta = start.copy()
    predicted, jacobian = form.log_loss_and_jacobian(theta, problem.points)
    residuals = predicted - problem.log_loss
    objective = problem.objective(theta, residuals)
    damping, sharp, calm = np.full(S, 1e-2), np.zeros(S, dtype=bool), np.zeros(S, dtype=int)
    enough = 2 if np.isfinite(problem.delta) else 1  # times without gain, each with its own curvature
    active = np.arange(S)
    for _ in range(_ITERATIONS):
        part, r, J = problem.take(active), residuals[active], jacobian[active]
        within = np.abs(r) <= problem.delta * part.sigma[:, None]
        scale = part.weights / part.sigma[:, None] ** 2
        pull = huber_weight(r / part.sigma[:, None], problem.delta) * scale
        curvature = np.where(sharp[active, None], within * scale, pull)
        hessian = (J * curvature[:, None]) @ J.transpose(0, 2, 1)
        hessian[:, diagonal, diagonal] += problem.precision
        gradient = np.einsum("spn,sn->sp", J, pull * r) + (theta[active] - part.centre) * problem.precision
        # Scaled by the curvature of iterated least squares, which no direction that the data know of is without.
        spread = np.einsum("spn,sn->sp", J**2, pull) + problem.precision
        hessian[:, diagonal, diagonal] += damping[active, None] * spread + 1e-12 * spread.max(axis=1, keepdims=True)
        step = -np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        # No parameter moves by more than three prior sds at once: far out the loss overflows.
        trial = theta[active] + np.clip(step, -3 * sd, 3 * sd)
        predicted, J = form.log_loss_and_jacobian(trial, problem.points)
        r = predicted - part.log_loss
        value = part.objective(trial, r)
        gain = objective[active] - value
        better = gain >= 0
        moved = active[better]
        theta[moved], residuals[moved], jacobian[moved] = trial[better], r[better], J[better]
        objective[moved] = value[better]
        little = gain < tolerance * (value + tolerance)
        settled = better & little | (damping[active] > _STUCK)
        calm[active] = np.where(settled, calm[active] + 1, np.where(little, calm[active], 0))
        damping[active] = np.where(settled, 1e-2, damping[active] * np.where(better, 0.2, 6.0))
        sharp[active] = np.where(settled, ~sharp[active], sharp[active] | (better & (gain < _SHARP * value)))
        active = active[calm[active] < enough]
        if not len(active):
            break
    return Minima(theta, objective)


def huber_weight(scaled: Array, delta: float) -> Array:
    """Weight of a residual in units of sigma: 1 up to delta, then falling as delta / |r|."""
    return np.asarray(1.0 / np.maximum(1.0, np.abs(scaled) / delta))
