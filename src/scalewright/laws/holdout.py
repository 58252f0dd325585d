"""Hindsight: a law fitted to the smaller runs of a table and asked for the larger ones."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from scalewright.documents import Part
from scalewright.errors import InputError, WorkError
from scalewright.laws.law import Law
from scalewright.laws.runs import UNIQUE, product

Array = NDArray[np.float64]

TIMES = (2.0, 5.0, 10.0, 30.0)


class HeldOut(Part):
    """How a law fitted to runs up to 1/`times` of the largest forecasts the others.

    Attributes:
        times: Largest product of the inputs that are bought over the largest fitted, at least.
        fitted: Runs fitted.
        forecast: Runs forecast.
        median_error: Median of |ln(forecast / measured)|; None where no law could be fitted.
        coverage: Share of the losses inside their intervals.
        refused: Why no law could be fitted.
    """

    times: float
    fitted: int
    forecast: int
    median_error: float | None = None
    coverage: float | None = None
    refused: str | None = None


def hold_out(
    inputs: Mapping[str, Array],
    loss: Array,
    fit: Callable[[NDArray[np.bool_]], Law],
    still: Sequence[str] = (),
    times: Sequence[float] = TIMES,
    level: float = 0.9,
) -> tuple[HeldOut, ...]:
    """Holds out the largest runs.

    Args:
        inputs: Of the runs [n] by name.
        loss: Of each [n].
        fit: (mask [n]) -> the law of these runs.
        still: Inputs that are chosen rather than bought.
        times: How far beyond the runs fitted the others reach.
        level: Of the intervals.
    """
    cost = product({name: values for name, values in inputs.items() if name not in (UNIQUE, *still)})
    return tuple(
        _held_out(inputs, loss, fit, cost <= cost.max() / factor * (1 + 1e-9), factor, level) for factor in times
    )


def _held_out(
    inputs: Mapping[str, Array],
    loss: Array,
    fit: Callable[[NDArray[np.bool_]], Law],
    small: NDArray[np.bool_],
    times: float,
    level: float,
) -> HeldOut:
    measured = loss[~small]
    counts = HeldOut(times=times, fitted=int(small.sum()), forecast=len(measured))
    try:
        law = fit(small)
    except (InputError, WorkError) as error:
        return counts.model_copy(update={"refused": str(error)})
    said = law.predictions({name: values[~small] for name, values in inputs.items()}, level)
    centre, low, high = (np.array([getattr(each, name) for each in said]) for name in ("loss", "low", "high"))
    off = np.abs(np.log((centre - law.units.zero) / (measured - law.units.zero)))
    inside = (low <= measured) & (measured <= high)
    return counts.model_copy(update={"median_error": float(np.median(off)), "coverage": float(inside.mean())})
