"""One form fitted to one ladder: the most probable parameters, how sure they are, and the scatter about
them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from scalewright.laws.forms import Form
from scalewright.laws.ladder import SHARED_NOISE, Ladder, Standard
from scalewright.laws.minimise import Minima, huber_weight, minimise

Array = NDArray[np.float64]

SIGMA_PRIOR = 0.003
"""Noise of ln loss expected before any is seen: seeds move a language model's loss by 0.1 to 0.7 %."""

SIGMA_PRIOR_DEGREES = 1.0
"""How many residuals that expectation is worth."""

SIGMA_FLOOR = 1e-4
"""Noise never assumed smaller: losses are recorded, and validation sets drawn, no more finely."""

_FIRST_SIGMA = 0.01
_ROUNDS = 3
_SCATTER_ITERATIONS = 50


@dataclass(frozen=True)
class Estimate:
    """A fitted form.

    Attributes:
        theta: Most probable parameters [P].
        covariance: Of theta [P, P]: of the objective's curvature there and of the noise, which branches of one trunk
            share (sandwich; Huber 1967, Liang & Zeger 1986).
        sigma: Scatter of ln loss about the form, its misfit included.
        degrees: Rows not spent on parameters (rows less the trace of the hat matrix; priors carry the rest).
        residuals: ln L predicted - ln L observed [n].
        objective: Sum of Huber(residual / sigma) and of the priors' share, at theta.
        agreeing: Share of starts that end at this optimum.
        units: The units of theta.
    """

    form: Form
    theta: Array
    covariance: Array
    sigma: float
    degrees: float
    residuals: Array
    objective: float
    agreeing: float
    units: Standard

    def log_loss(self, params: Array, tokens: Array, unique: Array) -> Array:
        """ln L at places [m], in nats."""
        points = self.units.points(params, tokens, unique)
        return np.asarray(self.form.log_loss(self.theta[None], points)[0] + self.units.log_loss)

    def variance(self, params: Array, tokens: Array, unique: Array) -> Array:
        """Variance of ln L at places [m] that comes from the parameters (to first order)."""
        points = self.units.points(params, tokens, unique)
        J = self.form.log_loss_and_jacobian(self.theta[None], points)[1][0]
        return np.asarray(np.einsum("np,pq,nq->n", J, self.covariance, J))


def estimate(
    form: Form, ladder: Ladder, huber_delta: float, seed: int, sigma: float | None = None, starts: int = 12
) -> Estimate:
    """Fits a form from several starts; the scatter is estimated with it unless `sigma` is given."""
    units = ladder.standard
    points = units.points(ladder.params, ladder.tokens, ladder.unique)
    log_loss = np.log(ladder.loss) - units.log_loss
    start = _starts(form, starts, seed)
    scatter, degrees = sigma or _FIRST_SIGMA, 0.0
    for _ in range(1 if sigma else _ROUNDS):
        minima = minimise(form, points, log_loss, np.array(scatter), form.centre, start, huber_delta)
        start, best = minima.theta, int(np.argmin(minima.objective))
        curvature = _curvature(minima, best, scatter, huber_delta)
        inverse = np.asarray(np.linalg.inv(curvature + np.diag(form.sd**-2)), dtype=np.float64)
        degrees = len(ladder) - float(np.trace(inverse @ curvature))
        if sigma is None:
            scatter = _scatter(minima.residuals[best], scatter, degrees, huber_delta)
    objective = float(minima.objective[best])
    agreeing = float(np.mean(minima.objective <= objective + 1e-3 * (1 + objective)))
    theta, residuals = minima.theta[best], minima.residuals[best]
    influence = _influence(minima, best, scatter, huber_delta)
    covariance = inverse @ (_score_variance(influence, ladder) + np.diag(form.sd**-2)) @ inverse
    return Estimate(form, theta, covariance, scatter, degrees, residuals, objective, agreeing, units)


def _starts(form: Form, count: int, seed: int) -> Array:
    spread = np.random.default_rng(seed).standard_normal((count, len(form.sd)))
    spread[0] = 0.0
    return np.asarray(form.centre + 0.8 * form.sd * spread)


def _influence(minima: Minima, best: int, sigma: float, delta: float) -> Array:
    # Of each row on the gradient, per sigma of its noise [n, P].
    weight = huber_weight(minima.residuals[best] / sigma, delta)
    return np.asarray(minima.jacobian[best] * weight[:, None] / sigma)


def _curvature(minima: Minima, best: int, sigma: float, delta: float) -> Array:
    return np.asarray(_influence(minima, best, sigma, delta).T @ minima.jacobian[best] / sigma)


def _score_variance(influence: Array, ladder: Ladder) -> Array:
    # What branches of one trunk have in common adds up over them.
    together = np.zeros((int(ladder.trunk.max()) + 1, influence.shape[1]))
    np.add.at(together, ladder.trunk, influence)
    return np.asarray((1 - SHARED_NOISE) * influence.T @ influence + SHARED_NOISE * together.T @ together)


def _scatter(residuals: Array, sigma: float, degrees: float, delta: float) -> float:
    # Huber's proposal 2 (Huber 1964): the sigma at which clipped residuals have the variance that clipping leaves
    # a Gaussian; by fixed-point iteration, from the sigma that the residuals were fitted with.
    kept = chi2.cdf(delta**2, 3) + delta**2 * chi2.sf(delta**2, 1)
    for _ in range(_SCATTER_ITERATIONS):
        clipped = np.clip(residuals, -delta * sigma, delta * sigma)
        squares = float((clipped**2).sum()) / kept + SIGMA_PRIOR_DEGREES * SIGMA_PRIOR**2
        sigma = max(float(np.sqrt(squares / (degrees + SIGMA_PRIOR_DEGREES))), SIGMA_FLOOR)
    return sigma
