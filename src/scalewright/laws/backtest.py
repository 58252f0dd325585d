"""Leave-future-out: each form fitted to the smaller rungs and asked for the larger ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scalewright.laws.estimate import estimate
from scalewright.laws.forms import Form
from scalewright.laws.ladder import Ladder, distance, levels

Array = NDArray[np.float64]

_KEPT = (0.6, 0.7, 0.8, 0.9)
_LEAST_SPAN = 0.499  # half, whatever the rounding
_STARTS = 4


@dataclass(frozen=True)
class Backtest:
    """Errors of one form's forecasts inside the ladder, arrays [m] over all cuts.

    Attributes:
        cut: Which cut a forecast belongs to.
        error: ln L forecast - ln L observed.
        variance: Variance of the error that noise explains: the parameters' share, and the scatter of the run
            itself.
        distance: e-folds from the nearest run that the forecast rests on.
    """

    cut: NDArray[np.intp]
    error: Array
    variance: Array
    distance: Array


def cuts(ladder: Ladder, rows: int) -> list[NDArray[np.bool_]]:
    """Masks [n] of the runs kept: the smallest 60 to 90 % by compute, by size and by tokens.

    A cut keeps at least `rows` runs, two sizes and two horizons, and leaves out at least one run. What it keeps spans half of
    the ladder's range of size and of tokens at least, in logarithms: a form that fails from less says nothing of how it goes on
    beyond the whole ladder.
    """
    found: list[NDArray[np.bool_]] = []
    for key in (ladder.compute, ladder.params, ladder.tokens):
        for share in _KEPT:
            edge = np.quantile(key, share, method="lower")
            kept = key <= edge * (1 + 1e-9)
            wide = all(_wide(values, values[kept]) for values in (ladder.params, ladder.tokens))
            if rows <= kept.sum() < len(ladder) and wide and not any(np.array_equal(kept, mask) for mask in found):
                found.append(kept)
    return found


def _wide(whole: Array, part: Array) -> bool:
    return levels(part) > 1 and float(np.ptp(np.log(part))) >= _LEAST_SPAN * float(np.ptp(np.log(whole)))


def backtest(form: Form, ladder: Ladder, masks: list[NDArray[np.bool_]], sigma: float, huber_delta: float) -> Backtest:
    """Forecasts of the runs that each cut leaves out; `sigma` is the form's scatter on the whole ladder."""
    cut, error, variance, away = [], [], [], []
    for number, kept in enumerate(masks):
        past, future = ladder.take(kept), ladder.take(~kept)
        fitted = estimate(form, past, huber_delta, seed=number, sigma=sigma, starts=_STARTS)
        places = future.params, future.tokens, future.unique
        cut.append(np.full(len(future), number))
        error.append(fitted.log_loss(*places) - np.log(future.loss))
        variance.append(fitted.variance(*places) + sigma**2)
        away.append(distance(past.params, past.tokens, future.params, future.tokens))
    if not masks:
        return Backtest(np.empty(0, dtype=np.intp), np.empty(0), np.empty(0), np.empty(0))
    return Backtest(*(np.concatenate(part) for part in (cut, error, variance, away)))
