"""Laws in the size N ("params") and the data D ("tokens")."""

from scalewright.laws.forms.form import Form
from scalewright.laws.forms.parameters import EXPONENT, FLOOR, ratio, slope, term

_SIZE, _DATA = term(params="alpha"), term(tokens="beta")
_BOTH = ("params", "tokens")

CHINCHILLA = Form(
    name="chinchilla",
    formula="L = E + A N^-alpha + B D^-beta",
    source="Hoffmann et al. 2022, arXiv:2203.15556",
    inputs=_BOTH,
    own={"E": FLOOR, "A": _SIZE, "B": _DATA, "alpha": EXPONENT, "beta": EXPONENT},
    law=lambda p, x: p.E + p.A * x.params**-p.alpha + p.B * x.tokens**-p.beta,
    linear=("E", "A", "B"),
)

KAPLAN = Form(
    name="kaplan",
    formula="L = [(A N^-alpha)^(1/beta) + (B D^-beta)^(1/beta)]^beta; A = N_c^alpha, B = D_c^beta",
    source="Kaplan et al. 2020, arXiv:2001.08361, eq. 1.5",
    inputs=_BOTH,
    own={"A": _SIZE, "B": _DATA, "alpha": EXPONENT, "beta": EXPONENT},
    law=lambda p, x: ((p.A * x.params**-p.alpha) ** (1 / p.beta) + p.B ** (1 / p.beta) / x.tokens) ** p.beta,
    averaged=False,
)

KAPLAN_FLOOR = Form(
    name="kaplan_floor",
    formula="L = E + [(A N^-alpha)^(1/beta) + (B D^-beta)^(1/beta)]^beta; A = N_c^alpha, B = D_c^beta",
    source="Kaplan et al. 2020, arXiv:2001.08361, eq. 1.5, with a floor",
    inputs=_BOTH,
    own={"E": FLOOR, **KAPLAN.own},
    law=lambda p, x: p.E + KAPLAN.law(p, x),
)

# gamma = 1 is the additive law, gamma = beta Kaplan's; both lie near one sd of 0.5.
POWER_MEAN = Form(
    name="power_mean",
    formula="L = E + [(A N^-alpha)^(1/gamma) + (B D^-beta)^(1/gamma)]^gamma",
    source="size and data by a power mean; cf. Droppo & Elibol 2021, arXiv:2106.09488",
    inputs=_BOTH,
    own={**CHINCHILLA.own, "gamma": ratio(0.5, 0.6)},
    law=lambda p, x: (
        p.E + ((p.A * x.params**-p.alpha) ** (1 / p.gamma) + (p.B * x.tokens**-p.beta) ** (1 / p.gamma)) ** p.gamma
    ),
)

# The factor (N/N_0)^-delta closes the form under a change of units: without it the law would depend on what
# tokens are counted in. The slope moves the data exponent by 0.03 per e-fold of size within one sd.
INTERACTION = Form(
    name="interaction",
    formula="L = E + A N^-alpha + B (N/N_0)^-delta (D/D_0)^-(beta + beta_slope ln(N/N_0))",
    source="data exponent linear in ln N; cf. Farseer, Li et al. 2025, arXiv:2506.10972",
    inputs=_BOTH,
    own={
        "E": FLOOR,
        "A": _SIZE,
        "B": term(),
        "alpha": EXPONENT,
        "beta": EXPONENT,
        "beta_slope": slope(0.03),
        "delta": slope(0.2),
    },
    law=lambda p, x: (
        p.E + p.A * x.params**-p.alpha + p.B * x.params**-p.delta * x.tokens ** -(p.beta + p.beta_slope * x.params.log)
    ),
    constants={"params": "N_0", "tokens": "D_0"},
    linear=("E", "A", "B"),
)
