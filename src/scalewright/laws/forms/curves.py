"""Learning curves: laws in one input x, whichever it is."""

from types import SimpleNamespace

import numpy as np

from scalewright.laws.expressions import Positive, Real, exp, log1p, sigmoid
from scalewright.laws.forms.form import ANY, Form, Parameter, Prior
from scalewright.laws.forms.parameters import place, ratio, slope

# Curves have one input, are long, and are fitted for many tasks: their priors are wide, those of forms in one input alone.
# A loss that falls towards nearly nothing and one that has nearly ended both lie within one sd.
_FLOOR = Parameter("share", Prior(1.5, 3.0), {"loss": 1.0})
_TERM = Parameter("coefficient", Prior(0.0, 4.0), {"loss": 1.0, "x": "alpha"})
_START = Parameter("coefficient", Prior(1.5, 2.0), {"loss": 1.0})
_EXPONENT = ratio(0.4, 1.5)
_POWER = {"A": _TERM, "alpha": _EXPONENT}
_NEWTON = 30

POWER = Form(
    name="power",
    formula="L = A x^-alpha",
    source="Hestness et al. 2017, arXiv:1712.00409",
    inputs=ANY,
    own=_POWER,
    law=lambda p, x: p.A * x.x**-p.alpha,
    linear=("A",),
)

POWER_FLOOR = Form(
    name="power_floor",
    formula="L = E + A x^-alpha",
    source="Hestness et al. 2017, arXiv:1712.00409",
    inputs=ANY,
    own={"E": _FLOOR, **_POWER},
    law=lambda p, x: p.E + p.A * x.x**-p.alpha,
    linear=("E", "A"),
)

POWER_START = Form(
    name="power_start",
    formula="L = E + [X^-k + S^-k]^(-1/k), X = A x^-alpha",
    source="a power law held below the loss before training: cf. M4 of Alabdulmohsin et al. 2022, arXiv:2209.06640",
    inputs=ANY,
    own={"E": _FLOOR, **_POWER, "S": _START, "k": ratio(3.0, 0.4)},
    law=lambda p, x: p.E + ((p.A * x.x**-p.alpha) ** -p.k + p.S**-p.k) ** (-1 / p.k),
)

M3 = Form(
    name="m3",
    formula="L = E + A (1/x + 1/x_0)^alpha",
    source="M3 of Alabdulmohsin et al. 2022, arXiv:2209.06640",
    inputs=ANY,
    own={"E": _FLOOR, **_POWER, "x_0": Parameter("coefficient", Prior(3.0, 3.0), {"x": 1.0})},
    law=lambda p, x: p.E + p.A * (1 / x.x + 1 / p.x_0) ** p.alpha,
    prior=1.0,
)


def _between(power: Real, coefficient: Positive, x: Positive, exponent: Real) -> Positive:
    # The share s of the way from floor to start with s / (1 - s)^power = coefficient x^-exponent, by Newton's method on
    # t = logit(s); its derivatives follow from the equation itself.
    target = (coefficient * x**-exponent).log
    a = np.asarray(power.value)
    t = np.zeros(np.broadcast_shapes(a.shape, np.shape(target.value)))
    for _ in range(_NEWTON):
        share = 1 / (1 + np.exp(-t))
        excess = -np.logaddexp(0, -t) + a * np.logaddexp(0, t) - target.value
        t = t - np.clip(excess / (1 - share + a * share), -4, 4)
    share = 1 / (1 + np.exp(-t))
    # d excess = (1 - s + a s) dt + softplus(t) da - d target = 0
    moved = (target - power * np.logaddexp(0, t)) * (1 / (1 - share + a * share))
    return sigmoid(Real(t, moved.by))


M4 = Form(
    name="m4",
    formula="s / (1 - s)^a = A x^-alpha, s = (L - E) / S",
    source="M4 of Alabdulmohsin et al. 2022, arXiv:2209.06640",
    inputs=ANY,
    own={
        "E": _FLOOR,
        "A": Parameter("coefficient", Prior(0.0, 4.0), {"x": "alpha"}),
        "alpha": _EXPONENT,
        "S": _START,
        "a": ratio(1.0, 1.5),
    },
    law=lambda p, x: p.E + p.S * _between(p.a, p.A, x.x, p.alpha),
    prior=1.0,
)


def broken(breaks: int) -> Form:
    """The broken law of n breaks: exponents change by c_i at x = d_i, over a width of f_i in ln x."""
    own: dict[str, Parameter] = {"E": _FLOOR, **_POWER}
    for i in range(1, breaks + 1):
        own |= {f"c_{i}": slope(0.5), f"d_{i}": place("x", 2.5), f"f_{i}": ratio(0.5, 0.7)}

    def law(p: SimpleNamespace, x: SimpleNamespace) -> Positive:
        bend = Real(0.0)
        for i in range(1, breaks + 1):
            c, d, f = (getattr(p, f"{letter}_{i}") for letter in "cdf")
            bend = bend + c * f * log1p((x.x / d) ** (1 / f))
        return p.E + p.A * x.x**-p.alpha * exp(-bend)

    product = " ".join(f"(1 + (x/d_{i})^(1/f_{i}))^(-c_{i} f_{i})" for i in range(1, breaks + 1))
    return Form(
        name=f"broken_{breaks}",
        formula=f"L = E + A x^-alpha {product}",
        source="Caballero et al. 2022, arXiv:2210.14891",
        inputs=ANY,
        own=own,
        law=law,
        prior=4.0 if breaks == 1 else 0.0,
    )


CURVES = (POWER, POWER_FLOOR, POWER_START, M3, M4, broken(1), broken(2))
