"""Formulas that carry their exact derivatives: forward differentiation over batches.

A `Real` is a number with its derivative in each parameter it depends on; a `Positive` is a positive one, kept as its
logarithm, so that A N^-alpha neither overflows nor loses digits. With them a law is written as people write it,
`p.E + p.A * x.params**-p.alpha`, and its derivatives come along (Wengert 1964, Commun. ACM 7). Arrays broadcast: parameters
are [S, 1], inputs [n], and a derivative is never larger than the shape it needs.
"""

from collections.abc import Mapping
from typing import Union

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Array = NDArray[np.float64]
Derivatives = Mapping[str, Array | float]


class Real:
    """A number and its derivatives by the name of the parameter."""

    __slots__ = ("by", "value")
    __array_ufunc__ = None  # NumPy leaves `array * Real` to us

    def __init__(self, value: Array | float, by: Derivatives | None = None) -> None:
        self.value = value
        self.by: Derivatives = by or {}

    def __add__(self, other: Union["Real", Array, float]) -> "Real":
        other = _real(other)
        return Real(self.value + other.value, _combined((1.0, self.by), (1.0, other.by)))

    def __mul__(self, other: Union["Real", Array, float]) -> "Real":
        other = _real(other)
        return Real(self.value * other.value, _combined((other.value, self.by), (self.value, other.by)))

    def __neg__(self) -> "Real":
        return Real(-self.value, _combined((-1.0, self.by)))

    def __sub__(self, other: Union["Real", Array, float]) -> "Real":
        return self + -_real(other)

    def __rsub__(self, other: Array | float) -> "Real":
        return _real(other) - self

    def __truediv__(self, other: Union["Real", Array, float]) -> "Real":
        other = _real(other)
        ratio = self.value / other.value
        return Real(ratio, _combined((1.0 / other.value, self.by), (-ratio / other.value, other.by)))

    def __rtruediv__(self, other: Array | float) -> "Real":
        return _real(other) / self

    __radd__ = __add__
    __rmul__ = __mul__

    def apply(self, value: Array | float, slope: Array | float) -> "Real":
        """f(self), given its value and its slope there."""
        return Real(value, _combined((slope, self.by)))


class Positive:
    """A positive number, kept as its logarithm."""

    __slots__ = ("log",)
    __array_ufunc__ = None

    def __init__(self, log: Real) -> None:
        self.log = log

    @classmethod
    def of(cls, number: Real) -> "Positive":
        """A number that is known to be positive."""
        return cls(number.apply(np.log(number.value), 1.0 / np.asarray(number.value)))

    def __mul__(self, other: Union["Positive", float]) -> "Positive":
        return Positive(self.log + _positive(other).log)

    def __truediv__(self, other: Union["Positive", float]) -> "Positive":
        return Positive(self.log - _positive(other).log)

    def __rtruediv__(self, other: float) -> "Positive":
        return _positive(other) / self

    def __add__(self, other: Union["Positive", float]) -> "Positive":
        u, v = self.log, _positive(other).log
        # NumPy's logaddexp, but with exp and log that work on several numbers at once, and the shares from the same exp.
        apart = np.subtract(u.value, v.value)
        less = np.exp(-np.abs(apart))
        total = np.maximum(u.value, v.value) + np.log(1.0 + less)
        share = np.where(apart >= 0, 1.0, less) / (1.0 + less)
        return Positive(Real(total, _combined((share, u.by), (1.0 - share, v.by))))

    def __pow__(self, power: Real | float) -> "Positive":
        return Positive(self.log * power)

    __rmul__ = __mul__
    __radd__ = __add__

    @property
    def real(self) -> Real:
        """The number itself."""
        value = np.exp(self.log.value)
        return self.log.apply(value, value)


def exp(power: Real) -> Positive:
    """e^power."""
    return Positive(power)


def log1p(number: Positive) -> Real:
    """ln(1 + number)."""
    return (number + 1.0).log


def tanh(number: Real) -> Real:
    """tanh(number)."""
    value = np.tanh(number.value)
    return number.apply(value, 1.0 - value**2)


def sigmoid(number: Real) -> Positive:
    """1 / (1 + e^-number)."""
    return Positive(number.apply(-np.logaddexp(0.0, -number.value), expit(-number.value)))


def _real(number: Real | Array | float) -> Real:
    return number if isinstance(number, Real) else Real(number)


def _positive(number: Positive | float) -> Positive:
    return number if isinstance(number, Positive) else Positive(Real(float(np.log(number))))


def _combined(*parts: tuple[Array | float, Derivatives]) -> Derivatives:
    # Sum over the parts of factor times derivative.
    total: dict[str, Array | float] = {}
    for factor, by in parts:
        for name, derivative in by.items():
            share = derivative if isinstance(factor, float) and factor == 1.0 else factor * derivative
            total[name] = total[name] + share if name in total else share
    return total
