"""By which way of counting the FLOPs of a table are those of its params and tokens."""

from collections.abc import Iterator

import numpy as np
import scipy  # its submodules load when they are used
from numpy.typing import NDArray

from scalewright.laws.runs import level_of

Array = NDArray[np.float64]

TOLERANCE = 0.05
"""FLOPs within this share of each other are counted alike: the terms of biases and norms are smaller."""

KNOWN = {
    1 / 6: "N D, without the factor of 6",
    1 / 3: "2 N D, those of the forward passes alone",
    1 / 2: "3 N D, a multiplication and an addition counted as one",
    4 / 3: "8 N D, activations computed again in the backward pass (Narayanan et al. 2021, arXiv:2104.04473)",
    1 / 8.64e19: "6 N D in PFLOP/s-days",
    1e-12: "6 N D in TFLOPs",
    1e-15: "6 N D in PFLOPs",
    1e-18: "6 N D in EFLOPs",
}
"""Ratios to 6 N D (Kaplan et al. 2020, arXiv:2001.08361) of other ways of counting."""

_SIZES, _MONOTONE = 3, 0.9


def check_flops(params: Array, tokens: Array, flops: Array, rows: NDArray[np.int64] | None = None) -> Iterator[str]:
    """Warnings, each with its code, where FLOPs [n] are not 6 N D; `rows` [n] are the numbers of the runs, else from 1."""
    log = np.log(flops) - np.log(6 * params) - np.log(tokens)
    size = level_of(params)
    sizes = np.array([np.median(params[size == each]) for each in range(int(size.max()) + 1)])
    of_size = np.array([np.median(log[size == each]) for each in range(len(sizes))])
    usual = np.full(len(log), np.median(log))
    if _follows(sizes, of_size):
        usual = of_size[size]
        yield _counted_by_size(sizes, np.exp(of_size))
    elif abs(usual[0]) > TOLERANCE:
        yield _counted_otherwise(float(np.exp(usual[0])))
    odd = np.flatnonzero(np.abs(log - usual) > TOLERANCE)
    if len(odd):
        numbers = np.arange(1, len(log) + 1) if rows is None else rows
        first = odd[0]
        yield (
            f"flops-mixed: in {len(odd)} of {len(log)} rows FLOPs are not counted as in the others, first in row "
            f"{numbers[first]}, where they are {np.exp(log[first]):.3g} times 6 N D against {np.exp(usual[first]):.3g}: "
            "such rows bend the law; mend their params, tokens or FLOPs, or leave them out by --where"
        )


def _follows(sizes: Array, of_size: Array) -> bool:
    # Embeddings and attention weigh less, the larger the model: the ratio then goes one way with size.
    if len(sizes) < _SIZES or np.ptp(of_size) <= TOLERANCE:
        return False
    return bool(abs(scipy.stats.spearmanr(sizes, of_size).statistic) >= _MONOTONE)


def _counted_by_size(sizes: Array, ratio: Array) -> str:
    found = (
        f"FLOPs are {ratio[0]:.3g} times 6 N D at {sizes[0]:.3g} params and {ratio[-1]:.3g} times at {sizes[-1]:.3g}"
    )
    if abs(np.log(ratio[-1])) < abs(np.log(ratio[0])):
        reason = (
            "as where params leave out embeddings or the head, or FLOPs hold attention too"
            if ratio[0] > 1
            else "as where params hold embeddings that FLOPs leave out"
        )
    else:
        reason = "which no common way of counting gives"
    return (
        f"flops-other: {found}, {reason}: the exponent of size changes with what is counted (Porian et al. 2024, "
        "arXiv:2406.19146); count params as in the run you will ask for"
    )


def _counted_otherwise(ratio: float) -> str:
    known = [text for each, text in KNOWN.items() if abs(np.log(ratio / each)) <= TOLERANCE]
    way = f"as in {known[0]}" if known else "near no common way of counting"
    return (
        f"flops-other: FLOPs are {ratio:.4g} times 6 N D, {way}: `allocate` takes budgets of 6 N D; divide yours "
        f"by {ratio:.4g}, or mend the column"
    )
