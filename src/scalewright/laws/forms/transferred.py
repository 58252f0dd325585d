"""Laws in which other training counts: fine-tuning after pre-training, distillation from a teacher; and tasks from losses."""

from types import SimpleNamespace

from scalewright.laws.expressions import Positive, sigmoid
from scalewright.laws.forms.form import ANY, Form, Parameter, Prior
from scalewright.laws.forms.parameters import EXPONENT, place, ratio, slope, term


def _transferred(p: SimpleNamespace, x: SimpleNamespace) -> Positive:
    data = x.tokens + p.K * x.tokens**p.f * x.params**p.n
    return ((p.A * x.params**-p.alpha) ** (1 / p.beta) + p.B ** (1 / p.beta) / data) ** p.beta


TRANSFER = Form(
    name="transfer",
    formula="L = [(A N^-alpha)^(1/beta) + (B (D + K (D/D_0)^f (N/N_0)^n)^-beta)^(1/beta)]^beta, D of fine-tuning",
    source="Hernandez et al. 2021, arXiv:2102.01293",
    inputs=("params", "tokens"),
    own={
        "A": term(params="alpha"),
        "B": term(tokens="beta"),
        "alpha": EXPONENT,
        "beta": EXPONENT,
        "K": Parameter("coefficient", Prior(0.0, 2.0), {"tokens": 1.0}),
        "f": ratio(0.2, 0.7),
        "n": ratio(0.4, 0.7),
    },
    law=_transferred,
    constants={"params": "N_0", "tokens": "D_0"},
)

RECTIFIED = Form(
    name="rectified",
    formula="L = E + [1/(A x^-alpha) + 1/S]^-1",
    source="rectified law of fine-tuning, B / (D_l + D^beta) + E: Lin et al. 2024, arXiv:2402.02314, with A = B, S = B / D_l",
    inputs=ANY,
    own={
        "E": Parameter("share", Prior(1.5, 3.0), {"loss": 1.0}),
        "A": Parameter("coefficient", Prior(0.0, 4.0), {"loss": 1.0, "x": "alpha"}),
        "alpha": ratio(0.4, 1.5),
        "S": Parameter("coefficient", Prior(1.5, 2.0), {"loss": 1.0}),
    },
    law=lambda p, x: p.E + 1.0 / (1.0 / (p.A * x.x**-p.alpha) + 1.0 / p.S),
)


def _distilled(p: SimpleNamespace, x: SimpleNamespace) -> Positive:
    weaker = (1.0 + (x.teacher_loss / (x.student_loss * Positive.of(p.d))) ** (1 / p.f)) ** -(p.c_1 * p.f)
    capacity = (p.A * x.params**-p.alpha + p.B * x.tokens**-p.beta) ** p.gamma
    return x.teacher_loss + x.teacher_loss**-p.c_0 * weaker * capacity


DISTILLATION = Form(
    name="distillation",
    formula="L = T + L_0 (T/L_0)^-c_0 [1 + (T/(S d))^(1/f)]^(-c_1 f) (A N^-alpha + B D^-beta)^gamma, T the teacher's loss, "
    "S that of the student trained alone",
    source="Busbridge et al. 2025, arXiv:2502.08606",
    inputs=("params", "tokens", "teacher_loss", "student_loss"),
    own={
        "A": Parameter("coefficient", Prior(-1.0, 2.0), {"params": "alpha"}),
        "B": Parameter("coefficient", Prior(-1.0, 2.0), {"tokens": "beta"}),
        "alpha": EXPONENT,
        "beta": EXPONENT,
        "gamma": ratio(1.0, 0.5),
        "c_0": slope(1.0, 2.5),
        "c_1": ratio(3.0, 1.0),
        "d": ratio(1.0, 0.3),
        "f": ratio(0.1, 1.0),
    },
    law=_distilled,
    constants={"loss": "L_0"},
    prior=1.0,
)

ACCURACY = Form(
    name="accuracy",
    formula="accuracy = low + rise sigmoid((l_0 - task_loss)/width)",
    source="second step of Bhagia et al. 2024, arXiv:2412.04403",
    inputs=("task_loss",),
    own={
        "low": Parameter("share", Prior(1.5, 1.5), {"loss": 1.0}),
        "rise": Parameter("coefficient", Prior(0.5, 1.0), {"loss": 1.0}),
        "l_0": place("task_loss", 0.7),
        "width": Parameter("coefficient", Prior(-1.5, 1.0), {"task_loss": 1.0}),
    },
    law=lambda p, x: p.low + p.rise * sigmoid((p.l_0.real - x.task_loss.real) / p.width.real),
    prior=1.0,
)

TRANSFERRED = (TRANSFER, RECTIFIED, DISTILLATION, ACCURACY)
