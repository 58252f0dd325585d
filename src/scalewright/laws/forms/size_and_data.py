"""Laws in the size N ("params") and the data D ("tokens")."""

from collections.abc import Mapping
from types import SimpleNamespace

from scalewright.laws.expressions import Positive, tanh
from scalewright.laws.forms.form import Form, Formula, Parameter
from scalewright.laws.forms.parameters import EXPONENT, FLOOR, START, ratio, slope, term

# The drift of the data exponent with ln N levels off this many e-folds of size from the centre of the data: a drift that went
# on would turn the best split of a budget the further from the runs the more (docs/log.md, 2026-11-25, best sizes).
_LEVELLED = 2.0

_POWERS = {"A": term(params="alpha"), "B": term(tokens="beta"), "alpha": EXPONENT, "beta": EXPONENT}


def _additive(p: SimpleNamespace, x: SimpleNamespace) -> Positive:
    return p.A * x.params**-p.alpha + p.B * x.tokens**-p.beta


def _kaplan(p: SimpleNamespace, x: SimpleNamespace) -> Positive:
    return ((p.A * x.params**-p.alpha) ** (1 / p.beta) + p.B ** (1 / p.beta) / x.tokens) ** p.beta


def _power_mean(p: SimpleNamespace, x: SimpleNamespace) -> Positive:
    return ((p.A * x.params**-p.alpha) ** (1 / p.gamma) + (p.B * x.tokens**-p.beta) ** (1 / p.gamma)) ** p.gamma


def _interacting(p: SimpleNamespace, x: SimpleNamespace) -> Positive:
    exponent = p.beta + p.beta_slope * (_LEVELLED * tanh(x.params.log / _LEVELLED))
    return p.A * x.params**-p.alpha + p.B * x.params**-p.delta * x.tokens**-exponent


def _floored(
    name: str,
    excess: str,
    source: str,
    law: Formula,
    own: Mapping[str, Parameter],
    linear: tuple[str, ...] = (),
    constants: Mapping[str, str] | None = None,
) -> Form:
    return Form(
        name=name,
        formula=f"L = E + {excess}",
        source=source,
        inputs=("params", "tokens"),
        own={"E": FLOOR, **own},
        law=lambda p, x: p.E + law(p, x),
        constants=constants or {},
        linear=linear,
    )


def _started(form: Form, law: Formula, prior: float) -> Form:
    # The excess over the floor is held below S, that of a model before training. Runs that end soon after their start lie below
    # every sum of powers: the fall of ln L with ln D first grows. The larger the model, the more of its runs do, which a
    # law without a start takes for an interaction of size and data.
    return Form(
        name=f"{form.name}_start",
        formula=f"L = E + [X^-k + S^-k]^(-1/k), X = {form.formula.removeprefix('L = E + ')}",
        source=f"{form.source}; held below the loss before training: cf. arXiv:2209.06640 (M4) and arXiv:2605.09189",
        inputs=form.inputs,
        own={**form.own, "S": START, "k": ratio(3.0, 0.4)},
        law=lambda p, x: p.E + (law(p, x) ** -p.k + p.S**-p.k) ** (-1 / p.k),
        constants=form.constants,
        prior=prior,
    )


KAPLAN = Form(
    name="kaplan",
    formula="L = [(A N^-alpha)^(1/beta) + (B D^-beta)^(1/beta)]^beta; A = N_c^alpha, B = D_c^beta",
    source="Kaplan et al. 2020, arXiv:2001.08361, eq. 1.5",
    inputs=("params", "tokens"),
    own=_POWERS,
    law=_kaplan,
)

KAPLAN_FLOOR = _floored(
    "kaplan_floor",
    "[(A N^-alpha)^(1/beta) + (B D^-beta)^(1/beta)]^beta; A = N_c^alpha, B = D_c^beta",
    "Kaplan et al. 2020, arXiv:2001.08361, eq. 1.5, with a floor",
    _kaplan,
    _POWERS,
)

CHINCHILLA = _floored(
    "chinchilla",
    "A N^-alpha + B D^-beta",
    "Hoffmann et al. 2022, arXiv:2203.15556",
    _additive,
    _POWERS,
    linear=("E", "A", "B"),
)

# gamma = 1 is the additive law, gamma = beta Kaplan's; both lie near one sd of 0.5.
POWER_MEAN = _floored(
    "power_mean",
    "[(A N^-alpha)^(1/gamma) + (B D^-beta)^(1/gamma)]^gamma",
    "size and data by a power mean; cf. Droppo & Elibol 2021, arXiv:2106.09488",
    _power_mean,
    {**_POWERS, "gamma": ratio(0.5, 0.6)},
)

# The factor (N/N_0)^-delta closes the form under a change of units: without it the law would depend on what
# tokens are counted in. The slope moves the data exponent by 0.05 per e-fold of size within one sd.
INTERACTION = _floored(
    "interaction",
    "A N^-alpha + B (N/N_0)^-delta (D/D_0)^-(beta + 2 beta_slope tanh(ln(N/N_0)/2))",
    "data exponent that drifts with N near the data; cf. Farseer, Li et al. 2025, arXiv:2506.10972",
    _interacting,
    {**_POWERS, "B": term(), "beta_slope": slope(0.05), "delta": slope(0.3)},
    linear=("E", "A", "B"),
    constants={"params": "N_0", "tokens": "D_0"},
)

CHINCHILLA_START = _started(CHINCHILLA, _additive, prior=1.0)
KAPLAN_START = _started(KAPLAN_FLOOR, _kaplan, prior=0.0)
POWER_MEAN_START = _started(POWER_MEAN, _power_mean, prior=1.0)
INTERACTION_START = _started(INTERACTION, _interacting, prior=10.0)

SIZE_AND_DATA = (
    CHINCHILLA,
    KAPLAN,
    KAPLAN_FLOOR,
    POWER_MEAN,
    INTERACTION,
    CHINCHILLA_START,
    KAPLAN_START,
    POWER_MEAN_START,
    INTERACTION_START,
)
