"""Leave-future-out: each form fitted to the smaller runs and asked for the larger ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scalewright.laws.estimate import estimate
from scalewright.laws.forms import Form
from scalewright.laws.runs import Runs, distance, levels, product

Array = NDArray[np.float64]

_KEPT = (0.6, 0.7, 0.8, 0.9)
_LEAST_SPAN = 0.499  # half, whatever the rounding
_STARTS = 4


@dataclass(frozen=True)
class Backtest:
    """Errors of one form's forecasts of some of the runs from others, arrays [m] over all cuts.

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


def cuts(runs: Runs, rows: int, still: Sequence[str] = ()) -> list[NDArray[np.bool_]]:
    """Masks [n] of the runs kept: the smallest 60 to 90 % by each input that is bought, and by their product.

    A cut keeps at least `rows` runs, two levels of each input, and leaves out at least one run. What it keeps spans half of
    the range of each input at least, in logarithms: a form that fails from less says nothing of how it goes on beyond all of
    the runs.
    """
    found: list[NDArray[np.bool_]] = []
    grown = runs.grown(still)
    for key in (product(grown), *grown.values()):
        for share in _KEPT:
            edge = np.quantile(key, share, method="lower")
            kept = key <= edge * (1 + 1e-9)
            wide = all(_wide(values, values[kept]) for values in grown.values())
            if rows <= kept.sum() < len(runs) and wide and not any(np.array_equal(kept, mask) for mask in found):
                found.append(kept)
    return found


def _wide(whole: Array, part: Array) -> bool:
    return levels(part) > 1 and float(np.ptp(np.log(part))) >= _LEAST_SPAN * float(np.ptp(np.log(whole)))


def backtest(form: Form, runs: Runs, masks: list[NDArray[np.bool_]], sigma: float, huber_delta: float) -> Backtest:
    """Forecasts of the runs that each cut leaves out; `sigma` is the form's scatter on all runs."""
    cut, error, variance, away = [], [], [], []
    for number, kept in enumerate(masks):
        past, future = runs.take(kept), runs.take(~kept)
        fitted = estimate(form, past, huber_delta, seed=number, sigma=sigma, starts=_STARTS)
        cut.append(np.full(len(future), number))
        error.append(fitted.log_loss(future.inputs) - np.log(future.loss))
        variance.append(fitted.variance(future.inputs) + sigma**2)
        away.append(distance(past.grown(form.still), future.inputs))
    if not masks:
        return Backtest(np.empty(0, dtype=np.intp), np.empty(0), np.empty(0), np.empty(0))
    return Backtest(*(np.concatenate(part) for part in (cut, error, variance, away)))
