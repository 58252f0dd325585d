"""How much each form is to be believed, and how far it may be wrong beyond what noise explains.

The errors of a form's forecasts of larger rungs from smaller ones are modelled as Gaussian, with the variance
that noise explains plus a discrepancy (c * distance)^2. The unknown c is integrated out over a prior. The
form's weight is its prior weight times this predictive evidence, together with how closely the form follows all runs; its
discrepancy is what the posterior of c says. Both are tempered, for the cuts overlap and residuals share one
misfit, and the weights are drawn towards what a single cut would give, the more so the fewer the cuts. (Predictive
weights: cf. Yao et al. 2018, arXiv:1704.02030; discrepancy: Kennedy and O'Hagan 2001.)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from scalewright.laws.backtest import Backtest
from scalewright.laws.estimate import Estimate

Array = NDArray[np.float64]

DISCREPANCY_PRIOR = 0.005
"""Error in ln loss per e-fold of distance expected before any is seen. With it about 95 % of the losses in public tables
(arXiv:2203.15556, 2406.19146, 2502.18969, 2503.04715) and of our own ladders, 2 to 30 times beyond the runs fitted, lie inside
90 % intervals: more than need be, for the forecasts of the line come out less well (docs/log.md, 2026-11-25)."""

DISCREPANCY_LOG_SD = 1.0
"""How far a form's discrepancy may lie from that, in ln."""

TEMPER = 0.5
"""What one cut, or one free residual, counts as an independent observation."""

_RESIDUALS_COUNTED = 8.0
_GRID = np.exp(np.linspace(np.log(5e-4), np.log(0.08), 48))


@dataclass(frozen=True)
class Standing:
    """A form's share in the forecast, and its error in ln loss per e-fold of distance from the data (one
    sd)."""

    weight: float
    discrepancy: float


def weigh(estimates: Sequence[Estimate], backtests: Sequence[Backtest]) -> list[Standing]:
    """Weights (they sum to 1) and discrepancies of the forms."""
    # One count for all forms: evidence per residual compares only over the same number of residuals.
    residuals = TEMPER * min(_RESIDUALS_COUNTED, *(fitted.degrees for fitted in estimates))
    scores, discrepancies = [], []
    priors = np.log([fitted.form.prior or 1.0 for fitted in estimates])
    for fitted, tested in zip(estimates, backtests, strict=True):
        joint = _discrepancy_prior() + TEMPER * _log_score(tested)
        score = logsumexp(joint)
        posterior = np.exp(joint - score)
        discrepancies.append(float(np.sqrt((posterior * _GRID**2).sum())))
        scores.append(score - max(residuals, 0.0) * np.log(fitted.sigma))
    cuts = len(np.unique(backtests[0].cut))
    # What a single cut says counts as one cut more: a form leaves the interval only if it fails in single cuts already. It is
    # one of cuts + 1, so that one cut alone is not believed wholly.
    evidence = np.array(scores)
    weights = (cuts * _shares(priors + evidence) + _shares(priors + evidence / (cuts + 1))) / (cuts + 1)
    return [Standing(float(w), c) for w, c in zip(weights, discrepancies, strict=True)]


def _shares(scores: Array) -> Array:
    return np.asarray(np.exp(scores - logsumexp(scores)))


def _discrepancy_prior() -> Array:
    log = -0.5 * (np.log(_GRID / DISCREPANCY_PRIOR) / DISCREPANCY_LOG_SD) ** 2
    return np.asarray(log - logsumexp(log))


def _log_score(tested: Backtest) -> Array:
    # Mean log density within a cut, whose forecasts share one fit; summed over cuts.
    variance = tested.variance + (_GRID[:, None] * tested.distance) ** 2
    density = -0.5 * np.log(variance) - 0.5 * tested.error**2 / variance
    return sum((density[:, tested.cut == cut].mean(axis=1) for cut in np.unique(tested.cut)), np.zeros(len(_GRID)))
