"""Profile-likelihood intervals: how far a parameter can move before the fit, all others following, gets worse than chance."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import scipy  # its submodules load when they are used
from numpy.typing import NDArray

from scalewright.errors import WorkError
from scalewright.laws.minimise import minimise
from scalewright.laws.plain import TOLERANCE, PlainFit
from scalewright.laws.runs import Points, Standard

Array = NDArray[np.float64]

_HELD = 1e8  # weight that holds a parameter, times the largest curvature that the data have for any
_POINTS = 41
_WIDEST = 4.0**6  # standard errors looked at, to either side
_ROUNDS = 4


def profile_intervals(fitted: PlainFit, level: float = 0.9) -> Mapping[str, tuple[float, float]]:
    """Intervals of a form's own parameters as people write them; an end that nothing bounds is infinite, or 0.

    The deviance is 2 (rho - rho_least) E[psi'] / E[psi^2] of the Huber loss rho with psi its slope, which for least squares is
    the usual one; its threshold is Fisher's F with 1 and n - P degrees (Schrader & Hettmansperger 1980, Biometrika 67).

    Raises:
        WorkError: the form speaks of the mean of its inputs, as an interaction does.
    """
    if fitted.problem.form.constants:
        constants = ", ".join(fitted.problem.form.constants.values())
        raise WorkError(
            f"{fitted.problem.form.name}: its parameters are those at {constants}, the means of these runs, and have no "
            "profile of their own: take the intervals of the bootstrap"
        )
    fitted = _as_written(fitted)
    form, free = fitted.problem.form, len(fitted.problem.form.own)
    residuals, delta = np.abs(fitted.residuals), fitted.problem.delta
    degrees = len(residuals) - free
    scale = float((np.minimum(residuals, delta) ** 2).sum() / degrees / np.mean(residuals <= delta))
    worse = 0.5 * float(scipy.stats.f.ppf(level, 1, degrees)) * scale
    found = {}
    for position, name in enumerate(form.own):
        ends = [_end(fitted, position, side, worse) for side in (-1.0, 1.0)]
        natural = []
        for end, unbounded in zip(ends, (0.0 if form.own[name].kind != "slope" else -np.inf, np.inf), strict=True):
            theta = fitted.theta.copy()
            theta[position] = end
            at = form.parameters(theta[None], fitted.units)[name] if np.isfinite(end) else np.array([unbounded])
            natural.append(float(at[0]))
        found[name] = (natural[0], natural[1])
    return found


def _as_written(fitted: PlainFit) -> PlainFit:
    # In the units of the inputs themselves: A of A N^-alpha is then a parameter of the fit, whatever alpha.
    problem, form = fitted.problem, fitted.problem.form
    units = Standard(
        log={name: log if name == "loss" else 0.0 for name, log in fitted.units.log.items()}, zero=fitted.units.zero
    )
    moved = {name: values + fitted.units.log[name] for name, values in problem.points.log.items()}
    unique = problem.points.unique
    points = Points(moved, None if unique is None else unique + fitted.units.log["tokens"])
    theta = form.theta(fitted.parameters, units)
    return replace(fitted, problem=replace(problem, points=points, centre=theta[None]), theta=theta, units=units)


def _end(fitted: PlainFit, position: int, side: float, worse: float) -> float:
    # Where, on one side, the least objective has grown by `worse`; infinite where it does not.
    low, high, step = 0.0, np.inf, 1e-3
    while not np.isfinite(high) and step <= _WIDEST:
        places = np.geomspace(step, 64 * step, _POINTS)
        grown = _grown(fitted, position, side * places)
        beyond = np.flatnonzero(grown > worse)
        if len(beyond):
            low, high = float(places[beyond[0] - 1]) if beyond[0] else low, float(places[beyond[0]])
        else:
            low, step = float(places[-1]), 64 * step
    if not np.isfinite(high):
        return side * np.inf
    for _ in range(_ROUNDS):
        places = np.linspace(low, high, _POINTS)
        first = int(np.flatnonzero(_grown(fitted, position, side * places) >= worse)[0])
        low, high = float(places[max(first - 1, 0)]), float(places[first])
    return float(fitted.theta[position] + side * (low + high) / 2)


def _grown(fitted: PlainFit, position: int, moved: Array) -> Array:
    # How much the objective grows where a parameter is held at each distance from its best value [S].
    problem = fitted.problem
    centre = np.tile(fitted.theta, (len(moved), 1))
    centre[:, position] += moved
    precision = problem.precision.copy()
    # Of the curvature, not of the objective, which goes to 0 with the noise: a spring as weak would hold nothing then.
    jacobian = problem.form.log_loss_and_jacobian(fitted.theta[None], problem.points)[1][0]
    precision[position] = _HELD * float(np.square(jacobian).sum(axis=1).max())
    held = minimise(replace(problem, centre=centre, precision=precision), centre, TOLERANCE)
    residuals = problem.form.log_loss(held.theta, problem.points) - problem.log_loss
    return np.asarray(problem.objective(held.theta, residuals) - fitted.objective)
