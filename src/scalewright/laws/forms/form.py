"""What a form of law is: a formula in a few parameters, with priors, units and a source."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from scalewright.laws.expressions import Positive, Real, exp, sigmoid
from scalewright.laws.repetition import R_STAR, R_STAR_LOG_SD, effective_tokens
from scalewright.laws.runs import Points, Standard

Array = NDArray[np.float64]

ANY = ("x",)
"""Inputs of a form in one input, whichever it is."""


@dataclass(frozen=True)
class Prior:
    """A weak Gaussian prior on one unconstrained parameter."""

    centre: float
    sd: float


@dataclass(frozen=True)
class Parameter:
    """One parameter of a form.

    The unconstrained value theta is ln(value) of a positive number, logit(value / smallest loss) of a share, and the value
    itself of a slope.

    Attributes:
        kind: "share" of the smallest loss; "coefficient", positive, with a unit; "exponent", positive, without one; "slope",
            of either sign, without one.
        prior: On theta, where inputs are in units of their geometric means and losses in units of the smallest.
        unit: Powers of the units of "loss" and of the inputs; a power is a number or names an exponent of the form.
    """

    kind: Literal["share", "coefficient", "exponent", "slope"]
    prior: Prior
    unit: Mapping[str, float | str] = field(default_factory=dict)

    def expression(self, name: str, theta: Array) -> Positive | Real:
        """The parameter in a formula, from theta [S, 1]."""
        own = Real(theta, {name: 1.0})
        match self.kind:
            case "share":
                return sigmoid(own)
            case "coefficient":
                return exp(own)
            case "exponent":
                return exp(own).real
            case "slope":
                return own


Formula = Callable[[SimpleNamespace, SimpleNamespace], Positive]


@dataclass(frozen=True)
class Form:
    """A form of law, loss = law(p, x).

    Attributes:
        name: Its name in the catalogue.
        formula: The law as people write it.
        source: Author, year, arXiv number.
        inputs: What it depends on, such as "params" and "tokens".
        own: Its parameters, by the letters of the formula; a floor counts from the zero of the losses.
        law: (p, x) -> loss, p holding the parameters and x the inputs, in units of their geometric means.
        constants: Inputs whose geometric mean belongs to the formula, with the letter it has there.
        linear: Parameters that the loss is linear in.
        still: Inputs that are chosen rather than bought, such as a learning rate: nothing is extrapolated along them.
        prior: Its weight in the average of "auto" before any data, relative to that of other forms; 0 leaves it out.
    """

    name: str
    formula: str
    source: str
    inputs: tuple[str, ...]
    own: Mapping[str, Parameter]
    law: Formula
    constants: Mapping[str, str] = field(default_factory=dict)
    linear: tuple[str, ...] = ()
    still: tuple[str, ...] = ()
    prior: float = 0.0

    @property
    def averaged(self) -> bool:
        """Whether "auto" takes it into the average."""
        return self.prior > 0

    @cached_property
    def all(self) -> Mapping[str, Parameter]:
        """The parameters; what repeated tokens are worth comes last in every form that counts tokens."""
        return {**self.own, "R_star": _R_STAR} if "tokens" in self.inputs else self.own

    @cached_property
    def centre(self) -> Array:
        """Prior centres [P]."""
        return np.array([parameter.prior.centre for parameter in self.all.values()])

    @cached_property
    def sd(self) -> Array:
        """Prior standard deviations [P]."""
        return np.array([parameter.prior.sd for parameter in self.all.values()])

    def log_loss(self, theta: Array, points: Points) -> Array:
        """ln of the relative loss [S, n] for a batch of parameter vectors theta [S, P]."""
        return np.broadcast_to(self._evaluate(theta, points).value, (len(theta), len(points)))

    def log_loss_and_jacobian(self, theta: Array, points: Points) -> tuple[Array, Array]:
        """ln of the relative loss [S, n] and its exact derivatives in theta [S, P, n]."""
        log = self._evaluate(theta, points)
        jacobian = np.zeros((len(theta), len(self.all), len(points)))
        for j, name in enumerate(self.all):
            if name in log.by:
                jacobian[:, j] = log.by[name]
        return np.broadcast_to(log.value, (len(theta), len(points))), jacobian

    def _evaluate(self, theta: Array, points: Points) -> Real:
        p = {name: each.expression(name, theta[:, j : j + 1]) for j, (name, each) in enumerate(self.all.items())}
        x = {own: exp(Real(points.log[name])) for own, name in self._names(points.log).items()}
        if points.unique is not None and isinstance(r_star := p.get("R_star"), Real):
            x["tokens"] = effective_tokens(x["tokens"], exp(Real(points.unique)), r_star)
        return self.law(SimpleNamespace(**p), SimpleNamespace(**x)).log

    def parameters(self, theta: Array, units: Standard) -> dict[str, Array]:
        """The parameters as people write them, each [S], from theta [S, P]; constants of the formula come last."""
        natural: dict[str, Array] = {}
        for j, (name, each) in enumerate(self.all.items()):
            at = theta[:, j]
            natural[name] = np.asarray(
                expit(at) if each.kind == "share" else at if each.kind == "slope" else np.exp(at)
            )
        factors = {name: self._factor(each, natural, units) for name, each in self.all.items()}
        zeros = {name: units.zero if each.kind == "share" else 0.0 for name, each in self.all.items()}
        constants = {letter: np.full(len(theta), np.exp(units.log[name])) for name, letter in self.constants.items()}
        return {name: value * factors[name] + zeros[name] for name, value in natural.items()} | constants

    def fits(self, inputs: Collection[str]) -> bool:
        """Whether it is a form in these inputs."""
        return len(inputs) == 1 if self.inputs == ANY else set(inputs) == set(self.inputs)

    def _names(self, given: Collection[str]) -> dict[str, str]:
        # What the runs call the inputs of the formula.
        return (
            {"x": next(name for name in given if name != "loss")} if self.inputs == ANY else {n: n for n in self.inputs}
        )

    def theta(self, natural: Mapping[str, float], units: Standard) -> Array:
        """The unconstrained vector [P] of parameters as people write them, in the units of some runs."""
        given = {name: np.array([natural.get(name, R_STAR)]) for name in self.all}
        theta = []
        for name, each in self.all.items():
            zero = units.zero if each.kind == "share" else 0.0
            value = float(((given[name] - zero) / self._factor(each, given, units))[0])
            theta.append(
                float(logit(value)) if each.kind == "share" else value if each.kind == "slope" else np.log(value)
            )
        return np.array(theta)

    def _factor(self, parameter: Parameter, natural: Mapping[str, Array], units: Standard) -> Array | float:
        names = self._names(units.log) | {"loss": "loss"}
        powers = {name: natural[power] if isinstance(power, str) else power for name, power in parameter.unit.items()}
        if not powers:
            return 1.0
        with np.errstate(over="ignore"):  # an exponent that runs away, which `fit_plain` refuses
            return np.asarray(np.exp(sum(power * units.log[names[name]] for name, power in powers.items())))


_R_STAR = Parameter("exponent", Prior(float(np.log(R_STAR)), R_STAR_LOG_SD))
