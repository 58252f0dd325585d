"""Which runs to do next, and what interval a forecast is expected to have after them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scalewright.documents import Part
from scalewright.errors import InputError, WorkError
from scalewright.laws.allocation import six_n_d
from scalewright.laws.beliefs import beliefs_of
from scalewright.laws.design import design
from scalewright.laws.law import Law, Prediction
from scalewright.laws.runs import column

Array = NDArray[np.float64]

_STEP = np.sqrt(2.0)
_STEPS = 24  # of sizes and of horizons at most
_LITTLE = 0.05
"""Part of the interval's width that runs must take off to be worth making."""


_LITTLE_OF_ALL = 0.02
"""Part of what all runs take off the squared error that each must, to be proposed."""


class NextRun(Part):
    """A run to do, with what it costs and the interval expected once it and those before it are done."""

    inputs: dict[str, float]
    cost: float
    low: float
    high: float


class Proposal(Part):
    """Runs to do next.

    Attributes:
        target: Where the loss is to be known.
        now: The forecast there as the law stands.
        runs: The runs, the one that tells most first.
        spent: Their cost together.
        stop: Whether they would narrow the interval so little that they are not worth making.
    """

    target: dict[str, float]
    now: Prediction
    runs: tuple[NextRun, ...]
    spent: float
    stop: bool


def propose(
    law: Law,
    target: Mapping[str, float],
    spend: float,
    pool: Mapping[str, ArrayLike] | None = None,
    cost: ArrayLike | None = None,
    most: int = 8,
    level: float = 0.9,
) -> Proposal:
    """The runs that shrink the interval at a target most for what may be spent.

    Args:
        law: As fitted so far; its own runs count as made.
        target: Where the loss is to be known, by input.
        spend: What the runs may cost together, in what `cost` counts: FLOPs, 6 N D, where no pool is given.
        pool: Runs that could be made [m] by input. Without it sizes and horizons from the smallest of the law's runs up, by
            factors of the square root of two, as far as the sum goes.
        cost: Of each run of the pool [m]; 6 N D where not given.
        most: How many runs.
        level: Of the interval.

    Raises:
        InputError: what may be spent is not positive and finite, no run may be made, or the law is not one in size and data and
            the pool or its cost is missing.
        WorkError: no run of the pool is affordable.
    """
    if not (np.isfinite(spend) and spend > 0):
        raise InputError(f"spend: found {spend:g}, expected a positive finite number, in what the cost of runs counts")
    if most < 1:
        raise InputError(f"most: found {most}, expected at least one run")
    sized = {"params", "tokens"} <= set(law.inputs)
    if pool is None:
        if set(law.inputs) != {"params", "tokens"}:
            raise InputError(f"a law in {', '.join(law.inputs)}: give the runs that could be made, as a pool")
        pool = _grid(law, spend)
    if cost is None and not sized:
        raise InputError(f"a law in {', '.join(law.inputs)}: give what each run of the pool costs")
    places = {name: column(name, pool[name]) for name in law.inputs}
    costs = six_n_d(places["params"], places["tokens"]) if cost is None else column("cost", cost)
    if not np.any(costs <= spend):
        raise WorkError(f"spend: found {spend:g}, less than the cheapest run costs ({costs.min():.3g}): give more")
    now = law.predict(**target, level=level)
    targets = {name: np.array([float(target[name])]) for name in law.inputs}
    rungs = dict(zip(law.inputs, np.array(law.support.rungs).T, strict=True))
    found = design(beliefs_of(law), rungs, places, costs, spend, targets, most, _LITTLE_OF_ALL)
    # What runs leave as it is: the noise of the run at the target, and what the forms disagree about.
    kept = law.noise**2 + _disagreement(law, targets)
    width = np.sqrt((np.square(found.error) + kept) / (found.error[0] ** 2 + kept))
    runs = tuple(
        NextRun(
            inputs={name: float(values[run]) for name, values in places.items()},
            cost=float(costs[run]),
            low=_moved(law, now.loss, now.low, share),
            high=_moved(law, now.loss, now.high, share),
        )
        for run, share in zip(found.chosen, width[1:].tolist(), strict=True)
    )
    return Proposal(
        target={name: float(target[name]) for name in law.inputs},
        now=now,
        runs=runs,
        spent=float(costs[list(found.chosen)].sum()),
        stop=bool(width[-1] > 1 - _LITTLE),
    )


def _grid(law: Law, spend: float) -> Mapping[str, Array]:
    least = {name: law.support.inputs[name][0] for name in law.inputs}
    most = spend / six_n_d(least["params"], least["tokens"])
    steps = _STEP ** np.arange(min(_STEPS, max(1, int(np.log(max(most, 1.0)) / np.log(_STEP)) + 1)))
    params, tokens = np.meshgrid(least["params"] * steps, least["tokens"] * steps)
    return {"params": params.ravel(), "tokens": tokens.ravel()}


def _disagreement(law: Law, targets: Mapping[str, Array]) -> float:
    weights = np.array([fitted.weight for fitted in law.forms])
    forecasts = np.array([belief.at(targets)[0][0] for belief in beliefs_of(law)])
    return float(weights @ (forecasts - weights @ forecasts) ** 2)


def _moved(law: Law, loss: float, end: float, share: float) -> float:
    # An end of the interval, its distance in ln loss being multiplied.
    zero = law.units.zero
    return float((loss - zero) * ((end - zero) / (loss - zero)) ** share + zero)
