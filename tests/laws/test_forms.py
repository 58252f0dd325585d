from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from scipy.optimize import brentq

from scalewright.laws import FORMS, Form, Points, Standard

RNG = np.random.default_rng(0)
EACH = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def units(form: Form) -> Standard:
    return Standard(log={name: 12.3 + 1.8 * i for i, name in enumerate(form.inputs)} | {"loss": 0.9})


def draws(form: Form, count: int = 4) -> np.ndarray:
    return form.centre + form.sd * RNG.standard_normal((count, len(form.sd)))


def inputs(form: Form, count: int = 7) -> dict[str, np.ndarray]:
    return {name: np.exp(units(form).log[name] + RNG.normal(size=count)) for name in form.inputs}


def kaplan(p: dict[str, float], N: float, D: float) -> float:
    N_c, D_c = p["A"] ** (1 / p["alpha"]), p["B"] ** (1 / p["beta"])
    return ((N_c / N) ** (p["alpha"] / p["beta"]) + D_c / D) ** p["beta"]


def power_mean(p: dict[str, float], N: float, D: float) -> float:
    size, data = p["A"] * N ** -p["alpha"], p["B"] * D ** -p["beta"]
    return p["E"] + (size ** (1 / p["gamma"]) + data ** (1 / p["gamma"])) ** p["gamma"]


def interaction(p: dict[str, float], N: float, D: float) -> float:
    exponent = p["beta"] + p["beta_slope"] * np.log(N / p["N_0"])
    data = p["B"] * (N / p["N_0"]) ** -p["delta"] * (D / p["D_0"]) ** -exponent
    return p["E"] + p["A"] * N ** -p["alpha"] + data


def started(law: Callable[..., float], p: dict[str, float], N: float, D: float) -> float:
    excess = law(p, N, D) - p["E"]
    return p["E"] + (excess ** -p["k"] + p["S"] ** -p["k"]) ** (-1 / p["k"])


def m4(p: dict[str, float], x: float) -> float:
    floor, start = p["E"], p["E"] + p["S"]

    def off(share: float) -> float:
        loss = floor + share * p["S"]
        # In units of S the two sides have the same unit.
        return (
            np.log((loss - floor) / p["S"])
            - p["a"] * np.log((start - loss) / p["S"])
            - np.log(p["A"] * x ** -p["alpha"])
        )

    return floor + p["S"] * brentq(off, 1e-12, 1 - 1e-12, xtol=1e-15, rtol=1e-14)


def broken(breaks: int, p: dict[str, float], x: float) -> float:
    excess = p["A"] * x ** -p["alpha"]
    for i in range(1, breaks + 1):
        excess *= (1 + (x / p[f"d_{i}"]) ** (1 / p[f"f_{i}"])) ** (-p[f"c_{i}"] * p[f"f_{i}"])
    return p["E"] + excess


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
}
"""The laws as their papers write them."""
WRITTEN |= {
    f"{name}_start": partial(started, WRITTEN[name])
    for name in ("chinchilla", "kaplan_floor", "power_mean", "interaction")
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
