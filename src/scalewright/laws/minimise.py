"""Robust maximum a posteriori fits of one form to many data sets at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scalewright.laws.forms import Form
from scalewright.laws.ladder import Points

Array = NDArray[np.float64]

_ITERATIONS = 60
_TOLERANCE = 1e-7
_STUCK = 1e8


@dataclass(frozen=True)
class Minima:
    """Where the fits ended, one per row of the batch.

    Attributes:
        theta: Parameters [S, P].
        objective: Sum of Huber(r / sigma) + |(theta - centre) / sd|^2 / 2, [S].
        residuals: ln L predicted - ln L observed [S, n].
        jacobian: d residuals / d theta [S, n, P].
    """

    theta: Array
    objective: Array
    residuals: Array
    jacobian: Array


def minimise(
    form: Form,
    points: Points,
    log_loss: Array,
    sigma: Array,
    centre: Array,
    start: Array,
    huber_delta: float,
) -> Minima:
    """Damped Gauss-Newton (Levenberg 1944, Marquardt 1963) on a batch of problems.

    Args:
        form: The form to fit; its prior sds weigh the distance from `centre`.
        points: Places of the n runs.
        log_loss: ln of the relative losses, [n] or one set per problem [S, n].
        sigma: Noise of ln loss, [S] or a scalar array.
        centre: Prior centres, [P] or [S, P].
        start: First guesses [S, P].
        huber_delta: Residuals beyond this many sigma count linearly (Huber 1964).
    """
    S, P = start.shape
    n = len(points.x)
    sd, diagonal = form.sd, np.arange(P)
    target = np.broadcast_to(log_loss, (S, n))
    middle = np.broadcast_to(centre, (S, P))
    scale = np.broadcast_to(sigma, (S,))

    theta = start.copy()
    predicted, jacobian = form.log_loss_and_jacobian(theta, points)
    residuals = predicted - target
    objective = _objective(residuals / scale[:, None], (theta - middle) / sd, huber_delta)
    damping = np.full(S, 1e-2)
    active = np.arange(S)
    for _ in range(_ITERATIONS):
        r, J, s = residuals[active], jacobian[active], scale[active, None]
        weight = huber_weight(r / s, huber_delta) / s**2
        weighted = J * weight[:, :, None]
        hessian = weighted.transpose(0, 2, 1) @ J
        hessian[:, diagonal, diagonal] += sd**-2
        gradient = (weighted.transpose(0, 2, 1) @ r[:, :, None])[:, :, 0] + (theta[active] - middle[active]) / sd**2
        hessian[:, diagonal, diagonal] *= 1 + damping[active, None]
        step = -np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        # No parameter moves by more than three prior sds at once: far out the loss overflows.
        trial = theta[active] + np.clip(step, -3 * sd, 3 * sd)
        predicted, J = form.log_loss_and_jacobian(trial, points)
        r = predicted - target[active]
        value = _objective(r / s, (trial - middle[active]) / sd, huber_delta)
        better = value <= objective[active]
        gain = objective[active] - value
        moved = active[better]
        theta[moved], residuals[moved], jacobian[moved] = trial[better], r[better], J[better]
        objective[moved] = value[better]
        damping[active] *= np.where(better, 0.2, 6.0)
        finished = (better & (gain < _TOLERANCE * (1 + value))) | (damping[active] > _STUCK)
        active = active[~finished]
        if not len(active):
            break
    return Minima(theta, objective, residuals, jacobian)


def huber_weight(scaled: Array, delta: float) -> Array:
    """Weight of a residual in units of sigma: 1 up to delta, then falling as delta / |r|."""
    return np.asarray(1.0 / np.maximum(1.0, np.abs(scaled) / delta))


def _objective(scaled: Array, displaced: Array, delta: float) -> Array:
    size = np.abs(scaled)
    huber = np.where(size <= delta, 0.5 * size**2, delta * (size - 0.5 * delta))
    return np.asarray(huber.sum(axis=1) + 0.5 * (displaced**2).sum(axis=1))
