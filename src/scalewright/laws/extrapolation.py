"""Whether a forecast is asked for too far from the runs of its law."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from scalewright.laws.holdout import TIMES
from scalewright.laws.law import Law
from scalewright.laws.runs import product

Array = NDArray[np.float64]

FAR = max(TIMES)
"""Times the largest product of the inputs fitted, beyond which nothing has been tried in hindsight."""

FAR_ALONE = 10.0
"""Times the largest, or below the smallest, value of one input: a wide model on few tokens has a small product too."""


def warn_far(law: Law, places: Mapping[str, Array]) -> Iterator[str]:
    """Warnings, each with its code, about places [m] given by input."""
    bought = [name for name in law.inputs if name not in law.forms[0].form.still]
    beyond = product({name: places[name] for name in bought}) / law.support.compute
    far = beyond > FAR
    if far.any():
        yield (
            f"far: {_which(far)}up to {beyond.max():.3g} times beyond the largest run in {' x '.join(bought)}, where backtests "
            f"end at {FAR:g}: the interval rests on how errors grew nearer by; make larger runs first (`scalewright next`)"
        )
    for name in bought:
        low, high = law.support.inputs[name]
        above, below = places[name] / high, low / places[name]
        alone = ~far & (np.maximum(above, below) > FAR_ALONE)
        if alone.any():
            worst = int(np.argmax(np.where(alone, np.maximum(above, below), 0.0)))
            end = (
                f"{above[worst]:.3g} times the largest" if above[worst] > 1 else f"1/{below[worst]:.3g} of the smallest"
            )
            yield (
                f"far: {_which(alone)}{name} {places[name][worst]:.4g} is {end} of the runs: the law was "
                f"never tried there; make runs with such {name}"
            )


def _which(chosen: NDArray[np.bool_]) -> str:
    return f"{int(chosen.sum())} of {len(chosen)} places, " if len(chosen) > 1 else ""
