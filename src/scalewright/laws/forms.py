"""Forms of law: how the loss falls with size and data.

A form is written in standard coordinates x = ln(N / N0), y = ln(D / D0), with the loss relative to the
smallest one observed; N0 and D0 are the geometric means of the ladder. There every parameter is of order one,
priors speak of exponents and of shares of the loss instead of units, and rescaling N or D changes nothing but
prefactors.

To add a form: write its terms with their derivatives and its parameters as people write them, and list it
below.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from scalewright.laws.ladder import Points, Standard
from scalewright.laws.repetition import R_STAR, R_STAR_LOG_SD, log_effective_tokens

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Term:
    """One summand of the loss: its logarithm [S, n], and the derivatives of that logarithm.

    Attributes:
        log: ln of the term, broadcastable to [S, n].
        by: Derivative in each unconstrained parameter it depends on.
        by_y: Derivative in y = ln(D / D0).
    """

    log: Array
    by: Mapping[str, Array | float]
    by_y: Array | float = 0.0


@dataclass(frozen=True)
class Prior:
    """A weak Gaussian prior on one unconstrained parameter."""

    centre: float
    sd: float


Columns = Mapping[str, Array]
"""Unconstrained parameters by name, each [S, 1]."""


@dataclass(frozen=True)
class Form:
    """A form of law, L = sum of terms.

    Attributes:
        name: Its name in the catalogue.
        formula: The law, in the parameters that `natural` gives.
        source: Author, year, arXiv number.
        priors: The unconstrained parameters in order, each with its prior; R* of repeated data comes last.
        terms: (parameters, x [n], y [S, n]) -> the terms of the relative loss.
        natural: (parameters, units) -> the parameters as people write them, each [S, 1], in the order of
            `priors`, the constants of the form after them.
    """

    name: str
    formula: str
    source: str
    priors: Mapping[str, Prior]
    terms: Callable[[Columns, Array, Array], list[Term]]
    natural: Callable[[Columns, Standard], dict[str, Array]]

    @property
    def centre(self) -> Array:
        """Prior centres [P]."""
        return np.array([prior.centre for prior in self.priors.values()])

    @property
    def sd(self) -> Array:
        """Prior standard deviations [P]."""
        return np.array([prior.sd for prior in self.priors.values()])

    def columns(self, theta: Array) -> Columns:
        """Parameter vectors [S, P] as named columns [S, 1]."""
        return {name: theta[:, j : j + 1] for j, name in enumerate(self.priors)}

    def log_loss(self, theta: Array, points: Points) -> Array:
        """ln of the relative loss [S, n] for a batch of parameter vectors theta [S, P]."""
        at = self.columns(theta)
        y, _ = log_effective_tokens(points.tokens, points.unique, at["log_r_star"])
        return _log_sum([term.log for term in self.terms(at, points.x, y)])

    def log_loss_and_jacobian(self, theta: Array, points: Points) -> tuple[Array, Array]:
        """ln of the relative loss [S, n] and its exact derivatives in theta [S, n, P]."""
        at = self.columns(theta)
        y, y_by_r_star = log_effective_tokens(points.tokens, points.unique, at["log_r_star"])
        terms = self.terms(at, points.x, y)
        total = _log_sum([term.log for term in terms])
        jacobian = np.zeros((*total.shape, len(self.priors)))
        position = {name: j for j, name in enumerate(self.priors)}
        for term in terms:
            share = np.exp(term.log - total)
            for name, derivative in term.by.items():
                jacobian[:, :, position[name]] += share * derivative
            jacobian[:, :, -1] += share * term.by_y * y_by_r_star
        return total, jacobian

    def parameters(self, theta: Array, units: Standard) -> dict[str, Array]:
        """Natural parameters, each [S], of parameter vectors theta [S, P]."""
        at = self.columns(theta)
        natural = self.natural(at, units) | {"R_star": np.exp(at["log_r_star"])}
        return {name: value[:, 0] for name, value in natural.items()}


def _log_sum(logs: list[Array]) -> Array:
    total = logs[0]
    for log in logs[1:]:
        total = np.logaddexp(total, log)
    return total


# Weak priors. The floor is a share of the smallest loss seen, 0.12 to 0.73 within one sd. A term is a share
# of the loss at the centre of the ladder, 0.07 to 1.3. Exponents are 0.22, 0.12 to 0.40: published ones go from 0.07
# (words, Hestness et al. 2017, arXiv:1712.00409) over 0.08 and 0.10 (Kaplan et al. 2020, below) to 0.34 and 0.28
# (Hoffmann et al. 2022, below).
_COMMON = {
    "floor": Prior(-0.3, 0.7),
    "size": Prior(-1.2, 1.5),
    "data": Prior(-1.2, 1.5),
    "log_alpha": Prior(float(np.log(0.22)), 0.6),
    "log_beta": Prior(float(np.log(0.22)), 0.6),
}
_R_STAR = {"log_r_star": Prior(float(np.log(R_STAR)), R_STAR_LOG_SD)}


def _floor(at: Columns) -> Term:
    # A sigmoid keeps the floor below every loss seen.
    e = at["floor"]
    return Term(-np.logaddexp(0.0, -e), {"floor": expit(-e)})


def _size(at: Columns, x: Array) -> Term:
    alpha = np.exp(at["log_alpha"])
    return Term(at["size"] - alpha * x, {"size": 1.0, "log_alpha": -alpha * x})


def _natural_floor(at: Columns, units: Standard) -> Array:
    return np.asarray(np.exp(units.log_loss) * expit(at["floor"]))


def _chinchilla_terms(at: Columns, x: Array, y: Array) -> list[Term]:
    beta = np.exp(at["log_beta"])
    data = Term(at["data"] - beta * y, {"data": 1.0, "log_beta": -beta * y}, by_y=-beta)
    return [_floor(at), _size(at, x), data]


def _chinchilla_natural(at: Columns, units: Standard) -> dict[str, Array]:
    alpha, beta = np.exp(at["log_alpha"]), np.exp(at["log_beta"])
    return {
        "E": _natural_floor(at, units),
        "A": np.exp(units.log_loss + at["size"] + alpha * units.log_params),
        "B": np.exp(units.log_loss + at["data"] + beta * units.log_tokens),
        "alpha": alpha,
        "beta": beta,
    }


def _kaplan_terms(at: Columns, x: Array, y: Array) -> list[Term]:
    # [(N_c/N)^(alpha/beta) + D_c/D]^beta; each part alone is exp(size - alpha x) or exp(data - beta y).
    alpha, beta = np.exp(at["log_alpha"]), np.exp(at["log_beta"])
    u, v = (at["size"] - alpha * x) / beta, at["data"] / beta - y
    both = np.logaddexp(u, v)
    size, data = np.exp(u - both), np.exp(v - both)
    by: dict[str, Array | float] = {
        "size": size,
        "data": data,
        "log_alpha": -size * alpha * x,
        "log_beta": beta * (both - size * u - data * (v + y)),
    }
    return [_floor(at), Term(beta * both, by, by_y=-beta * data)]


def _kaplan_natural(at: Columns, units: Standard) -> dict[str, Array]:
    alpha, beta = np.exp(at["log_alpha"]), np.exp(at["log_beta"])
    return {
        "E": _natural_floor(at, units),
        "N_c": np.exp(units.log_params + (units.log_loss + at["size"]) / alpha),
        "D_c": np.exp(units.log_tokens + (units.log_loss + at["data"]) / beta),
        "alpha_N": alpha,
        "alpha_D": beta,
    }


def _power_mean_terms(at: Columns, x: Array, y: Array) -> list[Term]:
    alpha, beta, gamma = (np.exp(at[name]) for name in ("log_alpha", "log_beta", "log_gamma"))
    u, v = (at["size"] - alpha * x) / gamma, (at["data"] - beta * y) / gamma
    both = np.logaddexp(u, v)
    size, data = np.exp(u - both), np.exp(v - both)
    by: dict[str, Array | float] = {
        "size": size,
        "data": data,
        "log_alpha": -size * alpha * x,
        "log_beta": -data * beta * y,
        "log_gamma": gamma * (both - size * u - data * v),
    }
    return [_floor(at), Term(gamma * both, by, by_y=-beta * data)]


def _power_mean_natural(at: Columns, units: Standard) -> dict[str, Array]:
    return _chinchilla_natural(at, units) | {"gamma": np.exp(at["log_gamma"])}


def _interaction_terms(at: Columns, x: Array, y: Array) -> list[Term]:
    beta, slope, delta = np.exp(at["log_beta"]), at["slope"], at["delta"]
    log = at["data"] - (beta + slope * x) * y - delta * x
    by: dict[str, Array | float] = {"data": 1.0, "log_beta": -beta * y, "slope": -x * y, "delta": -x}
    return [_floor(at), _size(at, x), Term(log, by, by_y=-(beta + slope * x))]


def _interaction_natural(at: Columns, units: Standard) -> dict[str, Array]:
    alpha = np.exp(at["log_alpha"])
    return {
        "E": _natural_floor(at, units),
        "A": np.exp(units.log_loss + at["size"] + alpha * units.log_params),
        "B": np.exp(units.log_loss + at["data"]),
        "alpha": alpha,
        "beta": np.exp(at["log_beta"]),
        "beta_slope": at["slope"],
        "delta": at["delta"],
        "N_0": np.full_like(alpha, np.exp(units.log_params)),
        "D_0": np.full_like(alpha, np.exp(units.log_tokens)),
    }


CHINCHILLA = Form(
    name="chinchilla",
    formula="L = E + A N^-alpha + B D^-beta",
    source="Hoffmann et al. 2022, arXiv:2203.15556",
    priors=_COMMON | _R_STAR,
    terms=_chinchilla_terms,
    natural=_chinchilla_natural,
)

KAPLAN_FLOOR = Form(
    name="kaplan_floor",
    formula="L = E + [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D",
    source="Kaplan et al. 2020, arXiv:2001.08361, eq. 1.5, with a floor",
    priors=_COMMON | _R_STAR,
    terms=_kaplan_terms,
    natural=_kaplan_natural,
)

# gamma = 1 is the additive law, gamma = beta Kaplan's; both lie near one sd of 0.5.
POWER_MEAN = Form(
    name="power_mean",
    formula="L = E + [(A N^-alpha)^(1/gamma) + (B D^-beta)^(1/gamma)]^gamma",
    source="size and data by a power mean; cf. Droppo & Elibol 2021, arXiv:2106.09488",
    priors=_COMMON | {"log_gamma": Prior(float(np.log(0.5)), 0.6)} | _R_STAR,
    terms=_power_mean_terms,
    natural=_power_mean_natural,
)

# The factor (N/N_0)^-delta closes the form under a change of units: without it the law would depend on what
# tokens are counted in. The slope moves the data exponent by 0.03 per e-fold of size within one sd.
INTERACTION = Form(
    name="interaction",
    formula="L = E + A N^-alpha + B (N/N_0)^-delta (D/D_0)^-(beta + beta_slope ln(N/N_0))",
    source="data exponent linear in ln N; cf. Farseer, Li et al. 2025, arXiv:2506.10972",
    priors=_COMMON | {"slope": Prior(0.0, 0.03), "delta": Prior(0.0, 0.2)} | _R_STAR,
    terms=_interaction_terms,
    natural=_interaction_natural,
)

FORMS: dict[str, Form] = {form.name: form for form in (CHINCHILLA, KAPLAN_FLOOR, POWER_MEAN, INTERACTION)}
"""The catalogue, by name."""
