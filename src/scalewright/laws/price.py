"""The price of precision: the share of its weights that a model trained in few bits is worth.

Pairs of runs differ in precision alone: size, data, seed and all settings are the same, so that most of what a seed does to the
loss cancels in their ratio. A law L of the reference precision turns that ratio into size,

    ln(loss / reference loss) = ln L(rho N, D) - ln L(N, D) + noise,

and ln rho is what least squares make of it (Kumar et al. 2024, arXiv:2411.04330, for precision as a share of N).
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy  # its submodules load when they are used
from numpy.typing import ArrayLike, NDArray

from scalewright.documents import Part, Reason
from scalewright.errors import InputError
from scalewright.laws.law import Law
from scalewright.laws.runs import SHARED_NOISE, UNIQUE, column, levels

Array = NDArray[np.float64]

WEIGHTS, ACTIVATIONS = 2.7, 2.2
"""Bits after which weights and activations lose 1/e of what is left to lose (Kumar et al. 2024, arXiv:2411.04330)."""

_FURTHEST = math.log(1e3)  # of ln rho either way: an interval that reaches so far ends there
_STEP = 1e-3  # of ln N, for slopes
_CHORD = 0.1  # of ln N, at least, over which the law's draws are compared
_UNLIKELY = 0.025  # of each of two tests, for one in twenty of both
_FLAT = 1e-6  # of ln loss per e-fold of N
_NEGLIGIBLE = 1e-6  # of ln rho per e-fold: rounding


class Price(Part):
    """What a precision costs, as a share of the size.

    Attributes:
        precision: Its name.
        rho: N_eff / N, against the precision of the law's runs.
        low, high: Interval of rho; None where it is not measured.
        level: Of the interval.
        pairs, trunks: Pairs of runs behind it, and how many of them have a long run of their own.
        warnings: Where one rho does not fit all of them.
        reason: Where it comes from.
    """

    precision: str
    rho: float
    low: float | None = None
    high: float | None = None
    level: float = 0.9
    pairs: int = 0
    trunks: int = 0
    warnings: tuple[str, ...] = ()
    reason: Reason


def fit_price(
    law: Law,
    params: ArrayLike,
    tokens: ArrayLike,
    loss: ArrayLike,
    reference_loss: ArrayLike,
    *,
    precision: str,
    reference: str = "fp32",
    unique_tokens: ArrayLike | None = None,
    trunks: Sequence[object] | None = None,
    level: float = 0.9,
) -> Price:
    """Fits rho to pairs of runs.

    Branches of one trunk share noise, of an extent that is not known for such ratios: each trunk counts as one observation, the
    mean of its pairs, and t has as many degrees of freedom as there are trunks but one. What the law's draws leave open about
    its slope in N comes on top.

    Args:
        law: Of runs in the reference precision, in params and tokens.
        params: Size N of each pair [n].
        tokens: Tokens D that both saw [n].
        loss: In the precision at hand [n].
        reference_loss: In the reference precision [n].
        precision, reference: What the two are called.
        unique_tokens: Distinct tokens U that both drew from [n]; D where not given.
        trunks: A label for each pair [n], equal for branches of one long run; without labels every pair is its own.
        level: Of the interval.

    Raises:
        InputError: a value is not positive and finite, the law is one in other inputs, there are fewer than two trunks, or no
            size explains the losses.
    """
    if set(law.inputs) != {"params", "tokens"}:
        raise InputError(f"law: found one in {', '.join(law.inputs)}, expected one in params and tokens")
    if not 0 < level < 1:
        raise InputError(f"level: found {level:g}, expected a number between 0 and 1, such as 0.9")
    pairs = _Pairs.checked(law, params, tokens, loss, reference_loss, unique_tokens, trunks)
    count = len(pairs.branches)
    if count < 2:
        raise InputError(
            f"{precision}: found {len(pairs.ratio)} pairs of {count} trunk, expected at least 2 trunks, whose scatter tells "
            "the interval: train the pair with another seed too"
        )
    if np.all(np.abs(pairs.slope(0.0)) < _FLAT):
        raise InputError(
            f"{precision}: where its pairs are, the law does not fall with size: nothing tells a price there"
        )
    theta = pairs.theta()
    if abs(theta) > 0.99 * _FURTHEST:
        raise InputError(
            f"{precision}: its losses are {float(np.exp(pairs.ratio.mean())) - 1:+.0%} off those in {reference}, more than the "
            "law gives any share of the size: are both runs of a pair the same but for their precision?"
        )
    slope, left = pairs.mean(pairs.slope(theta)), pairs.mean(pairs.ratio - pairs.change(theta))
    known = float(np.sum(pairs.weight * slope**2))
    scatter = float(np.sum(pairs.weight * left**2)) / (count - 1)
    sd = math.hypot(math.sqrt(scatter / known), pairs.law_sd(theta))
    half = float(scipy.special.stdtrit(count - 1, (1 + level) / 2)) * sd
    rho, low, high = np.exp(np.clip([theta, theta - half, theta + half], -_FURTHEST, _FURTHEST)).tolist()
    runs = f"{len(pairs.ratio)} pairs here ({count} trunks, {precision} against {reference})"
    return Price(
        precision=precision,
        rho=rho,
        low=low,
        high=high,
        level=level,
        pairs=len(pairs.ratio),
        trunks=count,
        warnings=(*_drifts(pairs, theta), *_beyond(law, pairs, theta, precision)),
        reason=Reason(
            origin="fitted", text=f"fitted from {runs}: rho = {rho:.3g} ({low:.3g} – {high:.3g}, {100 * level:g} %)"
        ),
    )


def published_price(precision: str, bits: int, reference_bits: int = 32) -> Price:
    """The default for weights and activations in `bits` bits, against `reference_bits`, that was not measured here:
    N_eff = N (1 - e^(-bits/2.7)) (1 - e^(-bits/2.2)) (Kumar et al. 2024, arXiv:2411.04330), fitted there to formats of 3 to
    16 bits in models of 30 to 220 M params."""

    def share(of: int) -> float:
        return math.expm1(-of / WEIGHTS) * math.expm1(-of / ACTIVATIONS)

    rho = share(bits) / share(reference_bits)
    return Price(
        precision=precision,
        rho=rho,
        reason=Reason(
            origin="cited",
            text=f"rho = {rho:.3g}: (1 - e^(-P/{WEIGHTS})) (1 - e^(-P/{ACTIVATIONS})) of P = {bits} bits over that of "
            f"{reference_bits} (Kumar et al. 2024, arXiv:2411.04330); not measured here",
        ),
    )


class _Pairs(NamedTuple):
    """Checked pairs; what is said of trunks [g] is in the order of `branches`."""

    law: Law
    params: Array
    tokens: Array
    unique: Array
    ratio: Array
    """ln of loss over reference loss [n]."""
    trunk: NDArray[np.intp]
    """Number of each pair's trunk [n]."""
    branches: NDArray[np.intp]
    """Pairs of each trunk [g]."""

    @classmethod
    def checked(
        cls,
        law: Law,
        params: ArrayLike,
        tokens: ArrayLike,
        loss: ArrayLike,
        reference_loss: ArrayLike,
        unique: ArrayLike | None,
        trunks: Sequence[object] | None,
    ) -> "_Pairs":
        """In the order in which they come."""
        found = {
            "params": column("params", params),
            "tokens": column("tokens", tokens),
            "loss": column("loss", loss),
            "reference_loss": column("reference_loss", reference_loss),
            UNIQUE: column(UNIQUE, tokens if unique is None else unique),
        }
        rows = {name: len(values) for name, values in found.items()} | (
            {} if trunks is None else {"trunks": len(trunks)}
        )
        if len(set(rows.values())) > 1 or not rows["loss"]:
            said = ", ".join(f"{name} {length}" for name, length in rows.items())
            raise InputError(f"pairs: found columns of {said} rows, expected a row of each for every pair")
        labels = range(rows["loss"]) if trunks is None else trunks
        trunk = np.unique([str(label) for label in labels], return_inverse=True)[1].reshape(-1)
        ratio = np.log(found["loss"] / found["reference_loss"])
        return cls(law, found["params"], found["tokens"], found[UNIQUE], ratio, trunk, np.bincount(trunk))

    @property
    def weight(self) -> Array:
        """Of each trunk: one over the variance of the mean of its branches, up to a factor [g]."""
        return 1.0 / (SHARED_NOISE + (1 - SHARED_NOISE) / self.branches)

    def mean(self, values: Array) -> Array:
        """Over the pairs [..., n] of each trunk [..., g]."""
        total = np.apply_along_axis(lambda row: np.bincount(self.trunk, row), -1, values)
        return np.asarray(total / self.branches)

    def change(self, theta: float) -> Array:
        """Of ln loss where each size is e^theta times as large [n]."""
        return self._logs(self.law.losses, theta) - self._logs(self.law.losses, 0.0)

    def slope(self, theta: float) -> Array:
        """Of ln loss with ln N there [n]."""
        return (self.change(theta + _STEP) - self.change(theta - _STEP)) / (2 * _STEP)

    def theta(self) -> float:
        """ln rho of least squares."""
        root, wanted = np.sqrt(self.weight), self.mean(self.ratio)
        slope = self.mean(self.slope(0.0))
        begin = float(np.sum(self.weight * slope * wanted) / np.sum(self.weight * slope**2))
        found = scipy.optimize.least_squares(
            lambda theta: root * (self.mean(self.change(float(theta[0]))) - wanted),
            [float(np.clip(begin, -0.9 * _FURTHEST, 0.9 * _FURTHEST))],
            bounds=(-_FURTHEST, _FURTHEST),
            jac=lambda theta: (root * self.mean(self.slope(float(theta[0]))))[:, None],
            xtol=1e-12,
            ftol=1e-14,
            gtol=1e-14,
        )
        return float(found.x[0])

    def law_sd(self, theta: float) -> float:
        """Of ln rho, from what the law's draws leave open: half of what lies between their 16th and 84th percentiles."""
        chord = theta if abs(theta) > _CHORD else -_CHORD
        slope = self.mean((self._logs(self.law.sample, chord) - self._logs(self.law.sample, 0.0)) / chord)
        found = (slope * self.weight) @ self.mean(self.ratio) / np.sum(self.weight * slope**2, axis=1)
        low, high = np.quantile(found, [0.159, 0.841])
        return float(high - low) / 2

    def _logs(self, forecast: Callable[..., Array], theta: float) -> Array:
        return np.asarray(np.log(forecast(self.params * math.exp(theta), self.tokens, unique_tokens=self.unique)))


def _drifts(pairs: _Pairs, theta: float) -> list[str]:
    """Whether ln rho changes with size, or with the tokens seen: then it is another beyond the pairs."""
    slope = pairs.slope(theta)
    local = (pairs.ratio - pairs.change(theta)) / slope  # ln rho of each pair, over the pooled one
    size, time = np.log(pairs.params), np.log(pairs.tokens)
    between = pairs.weight * pairs.mean(slope) ** 2
    drifts = {"params": _trend(pairs.mean(size), pairs.mean(local), between)} if levels(pairs.params) > 1 else {}
    within = [
        _branches(time[of], local[of], slope[of] ** 2) for of in (pairs.trunk == g for g in range(len(pairs.branches)))
    ]
    several = np.array([each for each in within if each is not None])
    if len(several) > 1:
        drifts["tokens"] = _pooled(several[:, 0], several[:, 1])
    elif len(several) == 0 and levels(pairs.tokens) > 1:
        drifts["tokens"] = _trend(pairs.mean(time), pairs.mean(local), between)
    return [
        f"drift: one rho does not fit all pairs: ln rho changes by {drift:+.2g} with each e-fold of {name} (p = {p:.2g}); "
        "beyond the pairs it is another, so train pairs nearer to the target"
        for name, (drift, p) in drifts.items()
        if p < _UNLIKELY and abs(drift) > _NEGLIGIBLE
    ]


def _trend(x: Array, y: Array, weight: Array) -> tuple[float, float]:
    """Slope of y over x by weighted least squares with an intercept, and the chance of one as large where there is none."""
    if len(x) < 3 or levels(np.exp(x)) < 2:
        return 0.0, 1.0
    x, y = x - np.average(x, weights=weight), y - np.average(y, weights=weight)
    known = float(np.sum(weight * x**2))
    slope = float(np.sum(weight * x * y)) / known
    scatter = float(np.sum(weight * (y - slope * x) ** 2)) / (len(x) - 2)
    return slope, _chance(slope, math.sqrt(scatter / known), len(x) - 2)


def _branches(x: Array, y: Array, weight: Array) -> tuple[float, float] | None:
    """Slope of y over x within one trunk, and how much it is known by; None where its branches do not differ."""
    x = x - np.average(x, weights=weight)
    known = float(np.sum(weight * x**2))
    return (float(np.sum(weight * x * y)) / known, known) if known > 1e-12 else None


def _pooled(slope: Array, known: Array) -> tuple[float, float]:
    """Mean of independent slopes, and the chance of one as large where there is none."""
    mean = float(np.average(slope, weights=known))
    scatter = float(np.sum(known * (slope - mean) ** 2)) / (len(slope) - 1)
    return mean, _chance(mean, math.sqrt(scatter / float(known.sum())), len(slope) - 1)


def _chance(value: float, sd: float, degrees: int) -> float:
    return 2 * float(scipy.special.stdtr(degrees, -abs(value) / sd)) if sd > 0 else float(value == 0)


def _beyond(law: Law, pairs: _Pairs, theta: float, precision: str) -> list[str]:
    smallest, effective = law.support.params[0], float(pairs.params.min()) * math.exp(theta)
    if effective >= 0.5 * smallest:
        return []
    return [
        f"extrapolated: in {precision} the smallest of these models is worth {effective:.3g} params, the law knows none below "
        f"{smallest:.3g}: add smaller runs to it"
    ]
