"""Laws of size and data with a loss on top: for what is chosen beside them, or lost after training."""

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from scalewright.laws.expressions import Positive, Real, exp
from scalewright.laws.forms.form import Form, Formula, Parameter, Prior
from scalewright.laws.forms.parameters import EXPONENT, FLOOR, ratio, slope, term
from scalewright.laws.forms.size_and_data import (
    CHINCHILLA,
    CHINCHILLA_START,
    INTERACTION_START,
    KAPLAN_FLOOR,
    POWER_MEAN,
    POWER_MEAN_START,
)

_SETTINGS = "rate", "batch", "tokens", "params"

# What a learning rate and a batch can cost, each a power of all four inputs. The sum of what falls and what rises with the rate
# is a valley, steeper on one side, whose bottom moves as powers of size and data.
_COSTS = {
    "1": (-1.0, 0.7, -0.5, 0.0),  # too little progress: small steps
    "2": (1.0, -0.5, 0.0, 0.3),  # noise of gradients: large rates, small batches
    "3": (0.0, 1.0, -0.5, 0.0),  # too few steps: large batches
    "4": (1.5, 0.0, 0.0, 0.3),  # near divergence: large rates
}
_POWERS = ("r", "b", "d", "n")


def _cost(p: SimpleNamespace, x: SimpleNamespace, number: str) -> Positive:
    power = Real(0.0)
    for letter, name in zip(_POWERS, _SETTINGS, strict=True):
        if hasattr(p, letter + number):
            power = power + getattr(p, letter + number) * getattr(x, name).log
    return getattr(p, f"C_{number}") * exp(power)


def _settings(base: Form, prior: float) -> Form:
    own = dict(base.own)
    for number, centres in _COSTS.items():
        own[f"C_{number}"] = Parameter("coefficient", Prior(-3.0, 1.5), {"loss": 1.0})
        for letter, centre in zip(_POWERS, centres, strict=True):
            if (number, letter) != ("3", "r"):  # steps are counted whatever the rate
                own[letter + number] = slope(0.5, centre)

    def law(p: SimpleNamespace, x: SimpleNamespace) -> Positive:
        loss = base.law(p, x)
        for number in _COSTS:
            loss = loss + _cost(p, x, number)
        return loss

    return Form(
        name=f"settings_{base.name}",
        formula=f"{base.formula}; L greater by the sum over i of C_i (rate/R_0)^r_i (batch/B_0)^b_i (D/D_0)^d_i (N/N_0)^n_i",
        source=f"cf. the step law, Li et al. 2025, arXiv:2503.04715; {base.source}",
        inputs=("params", "tokens", "rate", "batch"),
        own=own,
        law=law,
        constants={"params": "N_0", "tokens": "D_0", "rate": "R_0", "batch": "B_0"},
        still=("rate", "batch"),
        prior=prior,
    )


SETTINGS = tuple(
    _settings(base, prior)
    for base, prior in ((CHINCHILLA_START, 1.0), (POWER_MEAN_START, 1.0), (INTERACTION_START, 10.0))
)


def _with(
    base: Form,
    name: str,
    extra: str,
    source: str,
    inputs: tuple[str, ...],
    own: Mapping[str, Parameter],
    law: Formula,
    constants: Mapping[str, str],
    prior: float = 1.0,
) -> Form:
    # A form of `base` with a loss on top of its own.
    formula, *terms = base.formula.split("; ")
    return replace(
        base,
        name=name,
        formula="; ".join([f"{formula} + {extra}", *terms]),
        source=source,
        inputs=("params", "tokens", *inputs),
        own={**base.own, **own},
        law=lambda p, x: base.law(p, x) + law(p, x),
        constants={**base.constants, **constants},
        linear=(),
        prior=prior,
    )


_SCALES = {"params": "N_0", "tokens": "D_0"}
_ENTRIES = {"C": term(vocab="c"), "c": EXPONENT}

VOCABULARY_PLAIN = _with(
    CHINCHILLA,
    "vocabulary",
    "C V^-c",
    "Tao et al. 2024, arXiv:2407.13623, with V the entries, or the weights, of the vocabulary",
    ("vocab",),
    _ENTRIES,
    lambda p, x: p.C * x.vocab**-p.c,
    {},
    prior=0.0,
)


def _vocabulary(base: Form) -> Form:
    # The larger the vocabulary, the more rarely is each of its entries seen: what that costs ends with more data.
    return _with(
        base,
        f"vocabulary_{base.name}",
        "C V^-c + F (V/V_0)^v (D/D_0)^-d",
        f"{base.source}; with a vocabulary of V: cf. Tao et al. 2024, arXiv:2407.13623",
        ("vocab",),
        {
            **_ENTRIES,
            "F": Parameter("coefficient", Prior(-1.2, 1.5), {"loss": 1.0}),
            "v": ratio(0.3, 0.7),
            "d": ratio(0.5, 0.7),
        },
        lambda p, x: p.C * x.vocab**-p.c + p.F * x.vocab**p.v * x.tokens**-p.d,
        {"vocab": "V_0", "tokens": "D_0"},
    )


VOCABULARY = (VOCABULARY_PLAIN, _vocabulary(CHINCHILLA), _vocabulary(POWER_MEAN), _vocabulary(KAPLAN_FLOOR))

ROUNDING = _with(
    CHINCHILLA,
    "rounding",
    "C (D/D_0)^d (N/N_0)^-n exp(-bits/w)",
    "weights rounded after training: Kumar et al. 2024, arXiv:2411.04330",
    ("bits",),
    {
        "C": Parameter("coefficient", Prior(0.0, 2.0), {"loss": 1.0}),
        "d": ratio(0.5, 0.7),
        "n": ratio(0.5, 0.7),
        "w": ratio(0.6, 0.7),
    },
    lambda p, x: p.C * x.tokens**p.d * x.params**-p.n * exp(-(x.bits.real / p.w)),
    _SCALES,
)

QUANTISED_TRAINING = _with(
    CHINCHILLA,
    "quantised_training",
    "C (D/D_0)^d (N/N_0)^-n (log2 group)^g",
    "training with rounded weights or activations: Chen et al. 2025, arXiv:2505.14302",
    ("group",),
    {
        "C": Parameter("coefficient", Prior(-3.0, 2.0), {"loss": 1.0}),
        "d": ratio(0.1, 0.7),
        "n": ratio(0.2, 0.7),
        "g": ratio(0.8, 0.7),
    },
    lambda p, x: p.C * x.tokens**p.d * x.params**-p.n * Positive.of(x.group.log * (1 / np.log(2))) ** p.g,
    _SCALES,
)

OVERTRAINING = Form(
    name="overtraining",
    formula="L = E + (a M^eta + b M^-eta) C^-eta, M = D/N, C = 6 N D; here A N^-alpha + B D^-alpha, alpha = 2 eta",
    source="Gadre et al. 2024, arXiv:2403.08540",
    inputs=("params", "tokens"),
    own={"E": FLOOR, "A": term(params="alpha"), "B": term(tokens="alpha"), "alpha": EXPONENT},
    law=lambda p, x: p.E + p.A * x.params**-p.alpha + p.B * x.tokens**-p.alpha,
    linear=("E", "A", "B"),
)

ADDED = (*SETTINGS, *VOCABULARY, ROUNDING, QUANTISED_TRAINING, OVERTRAINING)
