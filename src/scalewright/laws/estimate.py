"""One form fitted to some runs: the most probable parameters, how sure they are, and the scatter about
them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtr, chdtrc

from scalewright.laws.forms import Form
from scalewright.laws.minimise import Problem, huber_weight, minimise
from scalewright.laws.runs import SHARED_NOISE, Runs, Standard
from scalewright.laws.starts import starts as first_guesses

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

    def log_loss(self, inputs: Mapping[str, Array]) -> Array:
        """ln L at places [m], in nats."""
        points = self.units.points(inputs)
        return np.asarray(self.form.log_loss(self.theta[None], points)[0] + self.units.log["loss"])

    def variance(self, inputs: Mapping[str, Array]) -> Array:
        """Variance of ln L at places [m] that comes from the parameters (to first order)."""
        J = self.form.log_loss_and_jacobian(self.theta[None], self.units.points(inputs))[1][0]
        return np.asarray(np.einsum("pm,pq,qm->m", J, self.covariance, J))


def estimate(
    form: Form, runs: Runs, huber_delta: float, seed: int, sigma: float | None = None, starts: int = 12
) -> Estimate:
    """Fits a form from several starts; the scatter is estimated with it unless `sigma` is given."""
    units = runs.standard
    problem = posed(form, runs, huber_delta, sigma or _FIRST_SIGMA)
    start = first_guesses(problem, starts, seed)
    scatter, degrees = float(problem.sigma[0]), 0.0
    for _ in range(1 if sigma else _ROUNDS):
        problem = replace(problem, sigma=np.array([scatter]))
        minima = minimise(problem, start)
        start, best = minima.theta, int(np.argmin(minima.objective))
        predicted, jacobian = form.log_loss_and_jacobian(minima.theta[best : best + 1], problem.points)
        residuals, J = (predicted - problem.log_loss)[0], jacobian[0].T
        # Of each row on the gradient, per sigma of its noise [n, P].
        influence = J * huber_weight(residuals / scatter, huber_delta)[:, None] / scatter
        curvature = influence.T @ J / scatter
        inverse = np.asarray(np.linalg.inv(curvature + np.diag(problem.precision)), dtype=np.float64)
        degrees = len(runs) - float(np.trace(inverse @ curvature))
        if sigma is None:
            scatter = robust_scatter(residuals, scatter, degrees, huber_delta)
    objective = float(minima.objective[best])
    agreeing = float(np.mean(minima.objective <= objective + 1e-3 * (1 + objective)))
    covariance = inverse @ (_score_variance(influence, runs) + np.diag(problem.precision)) @ inverse
    return Estimate(form, minima.theta[best], covariance, scatter, degrees, residuals, objective, agreeing, units)


def posed(form: Form, runs: Runs, huber_delta: float, sigma: float) -> Problem:
    """The fit of a form to runs, with its priors, as a problem to minimise."""
    units = runs.standard
    return Problem(
        form=form,
        points=units.points(runs.inputs),
        log_loss=(np.log(runs.loss) - units.log["loss"])[None],
        sigma=np.array([sigma]),
        delta=huber_delta,
        centre=form.centre[None],
        precision=form.sd**-2,
        weights=np.ones((1, len(runs))),
    )


def _score_variance(influence: Array, runs: Runs) -> Array:
    # What branches of one trunk have in common adds up over them.
    together = np.zeros((int(runs.trunk.max()) + 1, influence.shape[1]))
    np.add.at(together, runs.trunk, influence)
    return np.asarray((1 - SHARED_NOISE) * influence.T @ influence + SHARED_NOISE * together.T @ together)


def robust_scatter(residuals: Array, sigma: float, degrees: float, delta: float) -> float:
    """Huber's proposal 2 (Huber 1964): the sigma at which clipped residuals have the variance that clipping leaves a Gaussian.

    Args:
        residuals: Of ln loss [n].
        sigma: Where the fixed-point iteration begins.
        degrees: Rows not spent on parameters.
        delta: Residuals are clipped beyond this many sigma.
    """
    kept = float(chdtr(3, delta**2) + delta**2 * chdtrc(1, delta**2))
    for _ in range(_SCATTER_ITERATIONS):
        clipped = np.clip(residuals, -delta * sigma, delta * sigma)
        squares = float((clipped**2).sum()) / kept + SIGMA_PRIOR_DEGREES * SIGMA_PRIOR**2
        sigma = max(float(np.sqrt(squares / (degrees + SIGMA_PRIOR_DEGREES))), SIGMA_FLOOR)
    return sigma
