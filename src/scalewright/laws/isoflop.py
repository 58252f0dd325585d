"""The best size at each of several budgets, from runs of equal compute: approach 2 of Hoffmann et al. 2022
(arXiv:2203.15556), and the power laws of size and tokens in compute that follow from it."""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np
import scipy  # its submodules load when they are used
from numpy.typing import ArrayLike, NDArray

from scalewright.documents import Part
from scalewright.errors import InputError, WorkError
from scalewright.laws.envelope import FEW_SIZES, Flag, PowerLaw
from scalewright.laws.estimate import SIGMA_PRIOR
from scalewright.laws.runs import Runs, level_of

Array = NDArray[np.float64]

OFF_CENTRE = 0.5
"""How far from the middle of the sizes, in halves of their width in ln N, a parabola's vertex may lie. On Hoffmann's surface
and sizes over a factor of 100 the vertex is 1 % off in the middle, 3 % at a half and 14 % at three quarters; where the place
drifts from budget to budget, so does the exponent (Czech et al. 2026, arXiv:2603.22339)."""

RESOLUTION = 1 / 3
"""A curve through every point does not place its minimum better than to this share of the mean distance between sizes
(Porian et al. 2024, arXiv:2406.19146)."""

_DRAWS = 1000
_LEFT_OUT = ("edge", "no_minimum")


class Optimum(Part):
    """The best split of one budget.

    Attributes:
        flops: Geometric mean of its runs.
        params: Size at the curve's minimum; where that does not lie inside the sizes, the best size measured.
        tokens: What the budget buys at that size: ln D interpolated in ln N.
        loss: There, in the unit of the losses.
        standard_error: Of ln params, and of ln tokens, which moves against it; None where the minimum lies outside.
        loss_standard_error: Of the loss.
        sizes: Distinct sizes at this budget.
        flags: What is doubtful about it.
    """

    flops: float
    params: float
    tokens: float
    loss: float
    standard_error: float | None
    loss_standard_error: float | None
    sizes: int
    flags: tuple[Flag, ...]

    @property
    def inside(self) -> bool:
        """Whether the loss has its minimum between the smallest and the largest size."""
        return not any(flag.code in _LEFT_OUT for flag in self.flags)


class IsoflopFit(Part):
    """N* and D* as power laws of compute, the optimum of each budget, and the budgets left out of the laws."""

    params: PowerLaw
    tokens: PowerLaw
    optima: tuple[Optimum, ...]
    left_out: tuple[float, ...]


class Minima(NamedTuple):
    """Where S curves over the same sizes are lowest.

    Attributes:
        place: ln N [S]; NaN where a curve has no minimum.
        loss: There [S].
        scatter: Standard deviation of the losses about each curve [S].
    """

    place: Array
    loss: Array
    scatter: Array


def fit_isoflops(
    compute: ArrayLike,
    params: ArrayLike,
    tokens: ArrayLike,
    loss: ArrayLike,
    *,
    curve: Literal["parabola", "interpolate"] = "parabola",
    weighted: bool = False,
    tolerance: float = 0.05,
    noise: float = SIGMA_PRIOR,
    level: float = 0.9,
    seed: int = 0,
) -> IsoflopFit:
    """The optimum of each budget, and the power laws across those that have one inside their sizes.

    Standard errors of an optimum come from 1,000 draws of the noise, each with a curve of its own. (The few sizes of a
    budget are seldom repeated: to resample them would take away those about the minimum.) The exponents' come from the
    optima's by error propagation (normal), or from the scatter of the optima about the law (Student's t): the wider counts.

    Args:
        compute: FLOPs of each run [n].
        params: N [n]. Runs of equal N at one budget are repeats: their mean counts.
        tokens: D [n].
        loss: [n].
        curve: "parabola" of the loss in ln N, least squares (Hoffmann et al. 2022), or "interpolate", Akima's cubic of ln loss
            through every point, for wide grids, on which the loss is no parabola (Porian et al. 2024, arXiv:2406.19146). A
            parabola of the loss, not its logarithm: on L = E + A/N^α + B/D^β all budgets then have curves of one shape, and
            the parabola's error does not reach the exponents as long as the grids move with the optima.
        weighted: Weigh the optima in the power laws by 1 / standard error squared.
        tolerance: Runs within this share of each other's compute are of one budget.
        noise: Standard deviation from run to run, as a share of the loss; the scatter about a parabola counts where larger.
        level: Of the exponents' intervals.
        seed: Of the draws.

    Raises:
        InputError: columns differ in length, a value is not a positive finite number, or an argument is out of range.
        WorkError: fewer than three budgets have an optimum inside their sizes.
    """
    if curve not in _CURVES:
        raise InputError(f"curve: found {curve!r}, expected one of {', '.join(_CURVES)}")
    if not (tolerance >= 0 and 0 < noise < 1 and 0 < level < 1):
        raise InputError(
            f"found tolerance {tolerance:g}, noise {noise:g}, level {level:g}: expected a tolerance of at least 0, and noise "
            "and level between 0 and 1"
        )
    runs = Runs.checked({"compute": compute, "params": params, "tokens": tokens}, loss)
    budgets = level_of(runs.inputs["compute"], tolerance)
    rng = np.random.default_rng(seed)
    optima = tuple(_optimum(runs.take(budgets == budget), curve, noise, rng) for budget in range(budgets[-1] + 1))
    inside = [optimum for optimum in optima if optimum.inside]
    if len(inside) < 3:
        doubts = "; ".join(flag.text for optimum in optima for flag in optimum.flags if not optimum.inside)
        raise WorkError(
            f"{len(inside)} of {len(optima)} budgets have an optimum inside their sizes, a power law needs 3: add budgets"
            + (f", or sizes ({doubts})" if doubts else "")
        )
    return IsoflopFit(
        params=_across(inside, [optimum.params for optimum in inside], weighted, level),
        tokens=_across(inside, [optimum.tokens for optimum in inside], weighted, level),
        optima=optima,
        left_out=tuple(optimum.flops for optimum in optima if not optimum.inside),
    )


def _optimum(runs: Runs, curve: str, noise: float, rng: np.random.Generator) -> Optimum:
    x, position, repeats = np.unique(np.log(runs.inputs["params"]), return_inverse=True, return_counts=True)
    y, log_tokens = (np.bincount(position, values) / repeats for values in (runs.loss, np.log(runs.inputs["tokens"])))
    flops, best = float(np.exp(np.log(runs.inputs["compute"]).mean())), int(np.argmin(y))
    place = lowest = share = float("nan")
    if len(x) >= 3:
        fitted = _CURVES[curve](x, y[None])
        place, lowest = float(fitted.place[0]), float(fitted.loss[0])
        sd = np.maximum(noise / np.sqrt(repeats), fitted.scatter / y)
        drawn = _CURVES[curve](x, y * np.exp(sd * rng.standard_normal((_DRAWS, len(x)))))
        within = (drawn.place > x[0]) & (drawn.place < x[-1])
        share = float(within.mean())
    flags = tuple(_doubts(f"budget {flops:.3g}", x, place, share, best, curve))
    if any(flag.code in _LEFT_OUT for flag in flags):
        place, lowest, error, loss_error = float(x[best]), float(y[best]), None, None
    else:
        finest = RESOLUTION * (x[-1] - x[0]) / (len(x) - 1) if curve == "interpolate" else 0.0
        error = max(float(drawn.place[within].std()), finest) / share
        loss_error = float(drawn.loss[within].std())
    return Optimum(
        flops=flops,
        params=float(np.exp(place)),
        tokens=float(np.exp(np.interp(place, x, log_tokens))),
        loss=lowest,
        standard_error=error,
        loss_standard_error=loss_error,
        sizes=len(x),
        flags=flags,
    )


def _doubts(budget: str, x: Array, place: float, share: float, best: int, curve: str) -> Iterator[Flag]:
    sizes = f"the sizes {np.exp(x[0]):.3g} to {np.exp(x[-1]):.3g}"
    way = "smaller" if 2 * best < len(x) else "larger"
    if len(x) < FEW_SIZES:
        yield Flag(code="few_sizes", text=f"{budget}: {len(x)} sizes, a curve needs {FEW_SIZES}: add sizes")
    if np.isnan(place):
        yield Flag(code="no_minimum", text=f"{budget}: no parabola over {sizes} that opens upwards: add {way} sizes")
    elif not x[0] < place < x[-1]:
        end, way = ("smallest", "smaller") if place <= x[0] else ("largest", "larger")
        yield Flag(code="edge", text=f"{budget}: the loss falls all the way to the {end} of {sizes}: add {way} sizes")
    elif share < 0.5:
        found = f"noise moves the minimum out of {sizes} in {1 - share:.0%} of draws"
        yield Flag(code="edge", text=f"{budget}: {found}: add {way} sizes")
    else:
        if best in (0, len(x) - 1):
            yield Flag(code="one_sided", text=f"{budget}: an end of {sizes} has the lowest loss: add {way} sizes")
        off = abs(2 * place - x[0] - x[-1]) / (x[-1] - x[0])
        if curve == "parabola" and off > OFF_CENTRE:
            found = f"the vertex lies {off:.0%} of the way from the middle of {sizes} to their end, which biases it"
            yield Flag(code="off_centre", text=f"{budget}: {found}: centre the sizes, or interpolate")


def _parabola(x: Array, y: Array) -> Minima:
    """Least squares parabolas through losses y [S, n] at x [n]."""
    middle, half = (x[0] + x[-1]) / 2, (x[-1] - x[0]) / 2
    powers = np.vander((x - middle) / half, 3)
    c = np.linalg.pinv(powers) @ y.T
    squares = ((y.T - powers @ c) ** 2).sum(axis=0)
    bent = np.where(c[0] > 0, c[0], np.nan)
    scatter = np.sqrt(squares / max(len(x) - 3, 1))
    return Minima(middle - half * c[1] / bent / 2, c[2] - c[1] ** 2 / bent / 4, scatter)


def _interpolated(x: Array, y: Array) -> Minima:
    """Piecewise cubics through ln y, losses y [S, n] at x [n] (Akima 1970, J. ACM 17), their minima in closed form."""
    c = scipy.interpolate.Akima1DInterpolator(x, np.log(y).T).c
    with np.errstate(invalid="ignore", divide="ignore"):
        step = -c[2] / (c[1] + np.sqrt(c[1] ** 2 - 3 * c[0] * c[2]))
    step = np.where((step >= 0) & (step <= np.diff(x)[:, None]), step, 0.0)
    places = np.vstack([x[:-1, None] + step, np.full(len(y), x[-1])])
    losses = np.vstack([np.exp(((c[0] * step + c[1]) * step + c[2]) * step + c[3]), y[:, -1]])
    best = np.argmin(losses, axis=0), np.arange(len(y))
    return Minima(places[best], losses[best], np.zeros(len(y)))


_CURVES: dict[str, Callable[[Array, Array], Minima]] = {"parabola": _parabola, "interpolate": _interpolated}


def _across(optima: list[Optimum], values: list[float], weighted: bool, level: float) -> PowerLaw:
    x, y = np.log([optimum.flops for optimum in optima]), np.log(values)
    variance = np.array([optimum.standard_error for optimum in optima], dtype=np.float64) ** 2
    w = 1 / variance if weighted else np.ones(len(x))
    w = w / w.sum()
    centre = float(w @ x), float(w @ y)
    pull = w * (x - centre[0]) / (w @ (x - centre[0]) ** 2)
    exponent = float(pull @ y)
    residuals = y - centre[1] - exponent * (x - centre[0])
    known = float(np.sqrt(pull**2 @ variance))
    seen = float(np.sqrt(pull**2 @ (1 / w) * (w @ residuals**2) / (len(x) - 2)))
    half = max(scipy.stats.norm.ppf((1 + level) / 2) * known, scipy.stats.t.ppf((1 + level) / 2, len(x) - 2) * seen)
    return PowerLaw.through(*centre, exponent, max(known, seen), float(half), level)
