import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq

from scalewright.laws import FORMS, Form, Points, Standard
from scalewright.laws.runs import LOSSES, UNITLESS

RNG = np.random.default_rng(0)
EACH = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def units(form: Form) -> Standard:
    log = {name: 12.3 + 1.8 * i for i, name in enumerate(form.inputs)}
    log |= dict.fromkeys(LOSSES & log.keys(), 0.9) | dict.fromkeys(UNITLESS & log.keys(), 0.0)
    return Standard(log=log | {"loss": 0.9})


def draws(form: Form, count: int = 4) -> np.ndarray:
    return form.centre + form.sd * RNG.standard_normal((count, len(form.sd)))


def inputs(form: Form, count: int = 7) -> dict[str, np.ndarray]:
    # Counts are at least 1, and shares 1 at most.
    off = {name: RNG.normal(size=count) for name in form.inputs}
    off |= {name: np.abs(off[name]) * (-1 if name == "density" else 1) + 0.01 for name in UNITLESS & off.keys()}
    return {name: np.exp(units(form).log[name] + off[name]) for name in form.inputs}


def kaplan(p: dict[str, float], N: float, D: float) -> float:
    N_c, D_c = p["A"] ** (1 / p["alpha"]), p["B"] ** (1 / p["beta"])
    return ((N_c / N) ** (p["alpha"] / p["beta"]) + D_c / D) ** p["beta"]


def power_mean(p: dict[str, float], N: float, D: float) -> float:
    size, data = p["A"] * N ** -p["alpha"], p["B"] * D ** -p["beta"]
    return p["E"] + (size ** (1 / p["gamma"]) + data ** (1 / p["gamma"])) ** p["gamma"]


def interaction(p: dict[str, float], N: float, D: float) -> float:
    exponent = p["beta"] + 2 * p["beta_slope"] * np.tanh(np.log(N / p["N_0"]) / 2)
    data = p["B"] * (N / p["N_0"]) ** -p["delta"] * (D / p["D_0"]) ** -exponent
    return p["E"] + p["A"] * N ** -p["alpha"] + data


def started(law: Callable[..., float], p: dict[str, float], N: float, D: float) -> float:
    excess = law(p, N, D) - p["E"]
    return p["E"] + (excess ** -p["k"] + p["S"] ** -p["k"]) ** (-1 / p["k"])


def m4(p: dict[str, float], x: float) -> float:
    def off(t: float) -> float:
        # t = ln(share / (1 - share)), share the part of the way from floor to start.
        return -np.logaddexp(0, -t) + p["a"] * np.logaddexp(0, t) - np.log(p["A"] * x ** -p["alpha"])

    return p["E"] + p["S"] / (1 + np.exp(-brentq(off, -500, 500, xtol=1e-14, rtol=1e-14)))


def broken(breaks: int, p: dict[str, float], x: float) -> float:
    excess = p["A"] * x ** -p["alpha"]
    for i in range(1, breaks + 1):
        excess *= (1 + (x / p[f"d_{i}"]) ** (1 / p[f"f_{i}"])) ** (-p[f"c_{i}"] * p[f"f_{i}"])
    return p["E"] + excess


def sparse(law: Callable[..., float], p: dict[str, float], N: float, D: float, density: float) -> float:
    share = (density ** p["s"] + p["c"]) / (1 + p["c"])
    return law(p, N * share ** (-1 / p["alpha"]), D)


def clark(p: dict[str, float], N: float, experts: float) -> float:
    def saturated(further: float) -> float:
        return 1 / (1 / further + 1 / p["E_max"])

    ratio = saturated(experts - 1 + p["s"]) / saturated(p["s"])
    # Clark et al. write log L = a log N + b log M + c log N log M + d.
    return p["A"] * N ** -p["alpha"] * ratio ** (-p["alpha"] * (p["b"] - p["c"] * np.log(N / p["N_0"])))


def precision(p: dict[str, float], N: float, D: float, weights: float, activations: float, cache: float) -> float:
    size = N * (1 - np.exp(-weights / p["w"])) * (1 - np.exp(-activations / p["a"])) * (1 - np.exp(-cache / p["kv"]))
    return WRITTEN["chinchilla"](p, size, D)


def vocabulary(law: Callable[..., float], p: dict[str, float], N: float, D: float, V: float) -> float:
    return law(p, N, D) + p["C"] * V ** -p["c"] + p["F"] * (V / p["V_0"]) ** p["v"] * (D / p["D_0"]) ** -p["d"]


def settings(law: Callable[..., float], p: dict[str, float], N: float, D: float, rate: float, batch: float) -> float:
    n, d, r, b = np.log(N / p["N_0"]), np.log(D / p["D_0"]), np.log(rate / p["R_0"]), np.log(batch / p["B_0"])
    powers = [p.get(f"r{i}", 0) * r + p[f"b{i}"] * b + p[f"d{i}"] * d + p[f"n{i}"] * n for i in (1, 2, 3, 4)]
    return law(p, N, D) + sum(p[f"C_{i}"] * np.exp(power) for i, power in enumerate(powers, start=1))


def transfer(p: dict[str, float], N: float, D: float) -> float:
    return kaplan(p, N, D + p["K"] * (D / p["D_0"]) ** p["f"] * (N / p["N_0"]) ** p["n"])


def distillation(p: dict[str, float], N: float, D: float, teacher: float, student: float) -> float:
    capacity = (p["A"] * N ** -p["alpha"] + p["B"] * D ** -p["beta"]) ** p["gamma"]
    better = 1 + (teacher / (student * p["d"])) ** (1 / p["f"])
    return teacher + p["L_0"] * (teacher / p["L_0"]) ** -p["c_0"] * better ** (-p["c_1"] * p["f"]) * capacity


WRITTEN: dict[str, Callable[..., float]] = {
    "chinchilla": lambda p, N, D: p["E"] + p["A"] * N ** -p["alpha"] + p["B"] * D ** -p["beta"],
    "kaplan": kaplan,
    "kaplan_floor": lambda p, N, D: p["E"] + kaplan(p, N, D),
    "power_mean": power_mean,
    "interaction": interaction,
    "power": lambda p, x: p["A"] * x ** -p["alpha"],
    "power_floor": lambda p, x: p["E"] + p["A"] * x ** -p["alpha"],
    "power_start": lambda p, x: p["E"] + ((p["A"] * x ** -p["alpha"]) ** -p["k"] + p["S"] ** -p["k"]) ** (-1 / p["k"]),
    "m3": lambda p, x: p["E"] + p["A"] * (1 / x + 1 / p["x_0"]) ** p["alpha"],
    "m4": m4,
    "broken_1": partial(broken, 1),
    "broken_2": partial(broken, 2),
    "rectified": lambda p, x: p["E"] + p["A"] / (x ** p["alpha"] + p["A"] / p["S"]),
    "experts": clark,
    "experts_floor": lambda p, N, experts: p["E"] + clark(p, N, experts),
    "experts_separable": lambda p, N, experts: p["E"] + p["A"] * (N * experts ** p["b"]) ** -p["alpha"],
    "precision": precision,
    "vocabulary": lambda p, N, D, V: WRITTEN["chinchilla"](p, N, D) + p["C"] * V ** -p["c"],
    "rounding": lambda p, N, D, bits: (
        WRITTEN["chinchilla"](p, N, D)
        + p["C"] * (D / p["D_0"]) ** p["d"] / (N / p["N_0"]) ** p["n"] * np.exp(-bits / p["w"])
    ),
    "quantised_training": lambda p, N, D, group: (
        WRITTEN["chinchilla"](p, N, D)
        + p["C"] * (D / p["D_0"]) ** p["d"] / (N / p["N_0"]) ** p["n"] * np.log2(group) ** p["g"]
    ),
    "overtraining": lambda p, N, D: p["E"] + p["A"] * N ** -p["alpha"] + p["B"] * D ** -p["alpha"],
    "transfer": transfer,
    "distillation": distillation,
    "accuracy": lambda p, loss: p["low"] + p["rise"] / (1 + np.exp((loss - p["l_0"]) / p["width"])),
}
"""The laws as their papers write them."""
WRITTEN |= {
    f"{name}_start": partial(started, WRITTEN[name])
    for name in ("chinchilla", "kaplan_floor", "power_mean", "interaction")
}
WRITTEN |= {
    f"sparsity_{name}": partial(sparse, WRITTEN[name])
    for name in ("chinchilla_start", "power_mean_start", "interaction_start")
} | {"sparsity": partial(sparse, WRITTEN["chinchilla"])}
WRITTEN |= {
    name: lambda p, N, branches, base=base: WRITTEN[base](p, N * (1 + p["kappa"] * np.log(branches)))
    for name, base in (("branches", "power"), ("branches_floor", "power_floor"), ("branches_start", "power_start"))
}
WRITTEN |= {
    f"vocabulary_{name}": partial(vocabulary, WRITTEN[name]) for name in ("chinchilla", "power_mean", "kaplan_floor")
} | {
    f"settings_{name}": partial(settings, WRITTEN[name])
    for name in ("chinchilla_start", "power_mean_start", "interaction_start")
}


def gradient_matches(form: Form, points: Points) -> None:
    theta = draws(form)
    value, jacobian = form.log_loss_and_jacobian(theta, points)
    np.testing.assert_allclose(value, form.log_loss(theta, points), rtol=1e-13)
    for j in range(theta.shape[1]):
        step = np.zeros(theta.shape[1])
        step[j] = 1e-5
        slope = (form.log_loss(theta + step, points) - form.log_loss(theta - step, points)) / 2e-5
        np.testing.assert_allclose(jacobian[:, j], slope, atol=1e-8, rtol=1e-6)


@EACH
def test_jacobian_is_the_finite_difference(form: Form) -> None:
    gradient_matches(form, units(form).points(inputs(form)))


@pytest.mark.parametrize(
    "form", [form for form in FORMS.values() if "tokens" in form.inputs], ids=lambda form: form.name
)
def test_jacobian_is_the_finite_difference_where_tokens_repeat(form: Form) -> None:
    places = inputs(form)
    gradient_matches(form, units(form).points(places | {"unique_tokens": places["tokens"] * RNG.uniform(0.05, 1, 7)}))


@EACH
def test_natural_parameters_give_the_loss_as_written(form: Form) -> None:
    theta, places = draws(form, 3), inputs(form, 5)
    natural = form.parameters(theta, units(form))
    computed = np.exp(form.log_loss(theta, units(form).points(places)) + units(form).log["loss"])
    for s in range(3):
        p = {name: float(values[s]) for name, values in natural.items()}
        expected = [WRITTEN[form.name](p, *place) for place in zip(*places.values(), strict=True)]
        np.testing.assert_allclose(computed[s], expected, rtol=1e-10)


@EACH
def test_parameters_as_written_lead_back_to_theta(form: Form) -> None:
    theta = draws(form, 1)
    natural = {name: float(value[0]) for name, value in form.parameters(theta, units(form)).items()}
    np.testing.assert_allclose(form.theta(natural, units(form)), theta[0], rtol=1e-9, atol=1e-9)


FLOORED = [form for form in FORMS.values() if "E" in form.own]


@pytest.mark.parametrize("form", FLOORED, ids=lambda form: form.name)
def test_the_floor_lies_below_the_smallest_loss_seen(form: Form) -> None:
    theta = draws(form, 50)
    theta[:, 0] = np.linspace(-30, 30, 50)
    assert np.all(form.parameters(theta, units(form))["E"] <= np.exp(units(form).log["loss"]))


def test_every_form_is_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "laws.md").read_text()
    assert [name for name in FORMS if f"`{name}`" not in text] == []


def test_what_auto_averages_is_marked_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "laws.md").read_text()
    assert {name for name, form in FORMS.items() if form.averaged} == set(re.findall(r"\*\*`(\w+)`\*\*", text))
