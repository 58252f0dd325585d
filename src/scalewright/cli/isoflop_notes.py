"""What runs of equal compute, where a table has such, say of where their best sizes lie."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from scalewright.errors import WorkError
from scalewright.laws import fit_isoflops, six_n_d
from scalewright.laws.runs import level_of

Array = NDArray[np.float64]

_BUDGETS, _SIZES = 3, 4


def isoflop_warnings(inputs: Mapping[str, Array], loss: Array) -> tuple[str, ...]:
    """Flags of the best sizes at each budget (approach 2 of Hoffmann et al. 2022), one sentence a kind; none where fewer than
    three budgets have four sizes."""
    if not inputs.keys() >= {"params", "tokens"}:
        return ()
    params, tokens = inputs["params"], inputs["tokens"]
    compute = six_n_d(params, tokens)
    budget = level_of(compute)
    sizes = np.array([len(np.unique(params[budget == number])) for number in range(int(budget.max()) + 1)])
    rows = sizes[budget] >= _SIZES
    if (sizes >= _SIZES).sum() < _BUDGETS:
        return ()
    try:
        optima = fit_isoflops(compute[rows], params[rows], tokens[rows], loss[rows]).optima
    except WorkError as error:
        return (f"isoflop-none: {error}",)
    texts: dict[str, list[str]] = {}
    for optimum in optima:
        for flag in optimum.flags:
            texts.setdefault(flag.code, []).append(flag.text)
    return tuple(
        f"isoflop-{code.replace('_', '-')}: at {len(found)} of {len(optima)} budgets, such as: {found[0]}"
        for code, found in texts.items()
    )
