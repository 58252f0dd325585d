"""Widths that a processor multiplies fast: multiples of a grain."""

from collections.abc import Mapping

import numpy as np

from scalewright.machines.measurements import Shape, alternating, flops
from scalewright.machines.precision import Precision

WIDTHS = {8: (200,), 16: (208,), 32: (192, 224)}
"""Multiples of a grain and of none above it, all about as wide: the largest grain's on both sides of the others."""
_ROWS = 2048
_LOST = 0.05
"""Of the largest grain's rate, what a smaller one's may lack."""


def measure_grain(precision: Precision, seconds: float) -> int:
    """The least grain whose multiples a model's products come to nearly the best rate at: its widths into their fourfold, back,
    and the gradient of such a matrix.

    All are timed in turn, call by call: a shared processor changes its rate for seconds at a time.
    """
    products: dict[int, list[Shape]] = {
        width: [(_ROWS, width, 4 * width), (_ROWS, 4 * width, width), (width, _ROWS, 4 * width)]
        for widths in WIDTHS.values()
        for width in widths
    }
    shapes = [shape for each in products.values() for shape in each]
    took = dict(zip(shapes, alternating("cpu", precision, shapes, seconds), strict=True))
    return least_grain(
        {width: sum(map(flops, each)) / sum(took[shape] for shape in each) for width, each in products.items()}
    )


def least_grain(rates: Mapping[int, float]) -> int:
    """The same of the rates at `WIDTHS`."""
    of_grain = {grain: float(np.mean([rates[width] for width in widths])) for grain, widths in WIDTHS.items()}
    enough = (1 - _LOST) * of_grain[max(WIDTHS)]
    return next(grain for grain, rate in of_grain.items() if rate >= enough)
