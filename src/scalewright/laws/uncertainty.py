"""What else the parameters could be, and the quantiles of a forecast that mixes forms."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from scalewright.laws.estimate import SIGMA_PRIOR_DEGREES, Estimate, posed
from scalewright.laws.minimise import minimise
from scalewright.laws.runs import SHARED_NOISE, Runs

Array = NDArray[np.float64]

_LARGEST_SCALE = 4.0


def draw(fitted: Estimate, runs: Runs, noise: float, count: int, huber_delta: float, seed: int) -> Array:
    """Parameter vectors [S, P] by randomise-then-optimise (Bardsley et al. 2014, SIAM J. Sci. Comput. 36).

    Each draw adds noise to every ln loss, takes prior centres from the priors themselves, and fits again. The
    noise of a row is Gaussian or a resampled residual, with even chances, and for branches of one trunk in part
    the same; its scale is the scatter about the form, or `noise` from run to run where that is larger, and varies
    from draw to draw as the scatter is itself known from few residuals only. A direction that the runs do not
    determine so keeps the width of its prior.
    """
    rng = np.random.default_rng(seed)
    form, n = fitted.form, len(runs)
    degrees = fitted.degrees + SIGMA_PRIOR_DEGREES
    scale = np.minimum(np.sqrt(degrees / rng.chisquare(degrees, count)), _LARGEST_SCALE)
    shape = fitted.residuals / max(float(np.sqrt(np.mean(fitted.residuals**2))), 1e-12)
    resampled = shape[rng.integers(n, size=(count, n))] * rng.choice([-1.0, 1.0], size=(count, n))
    own = np.where(rng.random((count, n)) < 0.5, resampled, rng.standard_normal((count, n)))
    branches = np.bincount(runs.trunk)
    shared = np.where(branches[runs.trunk] > 1, SHARED_NOISE, 0.0)
    common = rng.standard_normal((count, len(branches)))[:, runs.trunk]
    # What a trunk's branches share hides in the law's size terms, not in the scatter: there the repeats count.
    sigma = (max(fitted.sigma, noise) if shared.any() else fitted.sigma) * scale
    problem = posed(form, runs, huber_delta, fitted.sigma)
    problem = replace(
        problem,
        sigma=fitted.sigma * scale,
        log_loss=problem.log_loss + sigma[:, None] * (np.sqrt(shared) * common + np.sqrt(1 - shared) * own),
        centre=form.centre + form.sd * rng.standard_normal((count, len(form.sd))),
    )
    return minimise(problem, np.tile(fitted.theta, (count, 1))).theta


def mixture_quantiles(centre: Array, sd: Array, weight: Array, levels: Array) -> Array:
    """Quantiles [q, m] of m mixtures of Gaussians with centres and sds [S, m] and weights [S] (which sum to 1), by
    bisection."""
    low = np.tile((centre - 10 * sd).min(axis=0), (len(levels), 1))
    high = np.tile((centre + 10 * sd).max(axis=0), (len(levels), 1))
    for _ in range(60):
        middle = (low + high) / 2
        below = np.array([weight @ ndtr((row - centre) / sd) for row in middle]) < levels[:, None]
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray((low + high) / 2)
