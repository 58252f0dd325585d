"""Where fits begin: guesses over the priors, their linear parameters solved for, the best kept."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from scalewright.laws.minimise import Problem

Array = NDArray[np.float64]

_SCREENED = 16  # guesses looked at for each start kept
_LEAST = 0.01  # a linear parameter's smallest share of the loss: below it, it could not grow again
_ROWS = 400  # rows that a guess is judged by


def starts(problem: Problem, count: int, seed: int) -> Array:
    """First guesses [count, P] for a single problem.

    Guesses are drawn from the priors; the parameters that the loss is linear in are solved for, given the others (variable
    projection: Golub & Pereyra 1973, SIAM J. Numer. Anal. 10); those with the least objective are kept.
    """
    form, rng = problem.form, np.random.default_rng(seed)
    if len(problem.points) > _ROWS:
        problem = _thinned(problem, rng)
    guesses = form.centre + form.sd * rng.standard_normal((count * _SCREENED, len(form.sd)))
    guesses[0] = form.centre
    if form.linear:
        guesses = _projected(problem, guesses)
    objective = problem.objective(guesses, form.log_loss(guesses, problem.points) - problem.log_loss)
    best = np.argsort(objective, kind="stable")[:count]
    return np.asarray(guesses[best])


def _thinned(problem: Problem, rng: np.random.Generator) -> Problem:
    rows = np.sort(rng.choice(len(problem.points), _ROWS, replace=False))
    weights = np.broadcast_to(problem.weights, problem.log_loss.shape)[:, rows]
    return replace(problem, points=problem.points.take(rows), log_loss=problem.log_loss[:, rows], weights=weights)


def _projected(problem: Problem, guesses: Array) -> Array:
    form = problem.form
    log_loss, jacobian = form.log_loss_and_jacobian(guesses, problem.points)
    positions = [list(form.all).index(name) for name in form.linear]
    shares = [form.all[name].kind == "share" for name in form.linear]
    theta = guesses[:, positions]
    # A parameter's part of the loss over the observed one, per unit of the parameter: what least squares has to bring to 1.
    value = np.where(shares, expit(theta), np.exp(theta))
    by_value = np.where(shares, value * (1 - value), value)
    ratio = np.exp(np.clip(log_loss - problem.log_loss, -30, 30))
    basis = jacobian[:, positions] * (ratio[:, None] / by_value[:, :, None])
    normal = (basis * problem.weights[:, None]) @ basis.transpose(0, 2, 1)
    normal[:, range(len(positions)), range(len(positions))] *= 1 + 1e-9
    right = (basis * problem.weights[:, None]).sum(axis=2)
    solved = np.linalg.solve(normal, right[:, :, None])[:, :, 0]
    mean = np.maximum(basis.mean(axis=2), 1e-300)
    solved = np.maximum(solved, _LEAST / mean)
    projected = guesses.copy()
    bounded = np.minimum(solved, 1 - _LEAST)
    projected[:, positions] = np.where(shares, logit(bounded), np.log(solved))
    return projected
