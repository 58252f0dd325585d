"""Laws of effective size and data: what else is chosen acts as if there were more weights or tokens, or fewer."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace

from scalewright.laws.expressions import Positive, exp
from scalewright.laws.forms.curves import POWER, POWER_FLOOR, POWER_START
from scalewright.laws.forms.form import ANY, Form, Parameter, Prior
from scalewright.laws.forms.parameters import ratio, slope
from scalewright.laws.forms.size_and_data import (
    CHINCHILLA,
    CHINCHILLA_START,
    INTERACTION_START,
    POWER_MEAN_START,
)

Acting = Callable[[SimpleNamespace, SimpleNamespace], Mapping[str, Positive]]
"""(p, x) -> the inputs of the base that take the place of x's."""


def acting(
    base: Form,
    name: str,
    inputs: tuple[str, ...],
    own: Mapping[str, Parameter],
    effective: Acting,
    formula: str,
    source: str,
    constants: Mapping[str, str] | None = None,
    prior: float | None = None,
) -> Form:
    """A form of `base` in which `effective` inputs take the place of its own.

    A base in one input is one of "params" here. `formula` says what the effective inputs are.
    """
    of_size = {key: replace(each, unit=_of_params(each.unit)) for key, each in base.own.items()}
    return Form(
        name=name,
        formula=f"{base.formula.replace(' x^', ' N^')}; {formula}",
        source=f"{source}; {base.source}",
        inputs=inputs,
        own={**(of_size if base.inputs == ANY else base.own), **own},
        law=lambda p, x: base.law(p, SimpleNamespace(**effective(p, x))),
        constants={**base.constants, **(constants or {})},
        linear=base.linear,
        prior=base.prior if prior is None else prior,
    )


def _of_params(unit: Mapping[str, float | str]) -> Mapping[str, float | str]:
    return {"params" if name == "x" else name: power for name, power in unit.items()}


_DENSE = {"s": ratio(0.8, 0.7), "c": ratio(3.0, 1.5)}


def _sparse_size(p: SimpleNamespace, x: SimpleNamespace) -> Mapping[str, Positive]:
    share = (x.density**p.s + Positive.of(p.c)) / (Positive.of(p.c) + 1.0)
    return {"params": x.params * share ** (-1 / p.alpha), "tokens": x.tokens}


def _sparse(base: Form, name: str, prior: float) -> Form:
    return acting(
        base,
        name,
        ("params", "tokens", "density"),
        _DENSE,
        _sparse_size,
        "N the weights that are not zero, times [(density^s + c)/(1 + c)]^(-1/alpha); density = 1 - sparsity",
        "Frantar et al. 2023, arXiv:2309.08520",
        prior=prior,
    )


SPARSITY = (
    _sparse(CHINCHILLA, "sparsity", 0.0),
    _sparse(CHINCHILLA_START, "sparsity_chinchilla_start", 1.0),
    _sparse(POWER_MEAN_START, "sparsity_power_mean_start", 1.0),
    _sparse(INTERACTION_START, "sparsity_interaction_start", 10.0),
)

_EXPERTS = {
    "b": slope(0.3, 0.3),
    "c": slope(0.05),
    "s": ratio(1.5, 0.7),
    "E_max": Parameter("coefficient", Prior(6.0, 1.5)),
}


def _routed_size(p: SimpleNamespace, x: SimpleNamespace) -> Mapping[str, Positive]:
    def saturated(further: Positive) -> Positive:
        return 1.0 / (1.0 / further + 1.0 / p.E_max)

    more = saturated(Positive.of(x.experts.real - 1.0 + p.s)) / saturated(Positive.of(p.s))
    return {"x": x.params * more ** (p.b - p.c * x.params.log)}


def _experts(base: Form, name: str, prior: float) -> Form:
    return acting(
        base,
        name,
        ("params", "experts"),
        _EXPERTS,
        _routed_size,
        "N those that a token sees, times (M/M_1)^(b - c ln(N/N_0)), 1/M = 1/(experts - 1 + s) + 1/E_max, M_1 of one",
        "Clark et al. 2022, arXiv:2202.01169",
        {"params": "N_0"},
        prior,
    )


EXPERTS = (
    _experts(POWER, "experts", 1.0),
    _experts(POWER_FLOOR, "experts_floor", 1.0),
    acting(
        POWER_FLOOR,
        "experts_separable",
        ("params", "experts"),
        {"b": slope(0.3, 0.3)},
        lambda p, x: {"x": x.params * x.experts**p.b},
        "N those that a token sees, times experts^b",
        "Clark et al. 2022, arXiv:2202.01169, without saturation, with a floor",
        prior=1.0,
    ),
)


def _branched(base: Form, name: str) -> Form:
    return acting(
        base,
        name,
        ("params", "branches"),
        {"kappa": ratio(0.3, 0.7)},
        lambda p, x: {"x": x.params * Positive.of(p.kappa * x.branches.log + 1.0)},
        "N times 1 + kappa ln(branches)",
        "parallel branches: Chen et al. 2025, arXiv:2505.10475",
        prior=1.0,
    )


BRANCHES = (
    _branched(POWER, "branches"),
    _branched(POWER_FLOOR, "branches_floor"),
    _branched(POWER_START, "branches_start"),
)

_BITS = ("weight_bits", "activation_bits", "cache_bits")


def _rounded_size(p: SimpleNamespace, x: SimpleNamespace) -> Mapping[str, Positive]:
    size = x.params
    for name, scale in zip(_BITS, (p.w, p.a, p.kv), strict=True):
        size = size * Positive.of(1.0 - exp(-(getattr(x, name).real / scale)).real)
    return {"params": size, "tokens": x.tokens}


PRECISION = acting(
    CHINCHILLA,
    "precision",
    ("params", "tokens", *_BITS),
    {"w": ratio(2.7, 0.5), "a": ratio(2.2, 0.5), "kv": ratio(1.0, 0.5)},
    _rounded_size,
    "N times the product of 1 - exp(-bits/w), exp(-bits/a), exp(-bits/kv) over weights, activations, cache",
    "Kumar et al. 2024, arXiv:2411.04330",
    prior=1.0,
)

EFFECTIVE = (*SPARSITY, *EXPERTS, *BRANCHES, PRECISION)
