import numpy as np
import pytest

from scalewright.laws import FORMS, Form, Points, Standard

RNG = np.random.default_rng(0)
UNITS = Standard(log_params=12.3, log_tokens=14.1, log_loss=0.9)


def draws(form: Form, count: int = 4) -> np.ndarray:
    return form.centre + form.sd * RNG.standard_normal((count, len(form.sd)))


def places(repeated: bool) -> Points:
    tokens = np.exp(RNG.normal(size=7))
    return Points(RNG.normal(size=7), tokens, tokens * (RNG.uniform(0.05, 1.0, 7) if repeated else 1.0))


def written(name: str, p: dict[str, float], N: float, D: float) -> float:
    """The laws as their papers write them."""
    if name == "chinchilla":
        return p["E"] + p["A"] * N ** -p["alpha"] + p["B"] * D ** -p["beta"]
    if name == "kaplan_floor":
        return p["E"] + ((p["N_c"] / N) ** (p["alpha_N"] / p["alpha_D"]) + p["D_c"] / D) ** p["alpha_D"]
    if name == "power_mean":
        size, data = p["A"] * N ** -p["alpha"], p["B"] * D ** -p["beta"]
        return p["E"] + (size ** (1 / p["gamma"]) + data ** (1 / p["gamma"])) ** p["gamma"]
    exponent = p["beta"] + p["beta_slope"] * np.log(N / p["N_0"])
    data = p["B"] * (N / p["N_0"]) ** -p["delta"] * (D / p["D_0"]) ** -exponent
    return p["E"] + p["A"] * N ** -p["alpha"] + data


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("repeated", [False, True])
def test_jacobian_is_the_finite_difference(form: Form, repeated: bool) -> None:
    theta, points = draws(form), places(repeated)
    value, jacobian = form.log_loss_and_jacobian(theta, points)
    np.testing.assert_allclose(value, form.log_loss(theta, points), rtol=1e-13)
    for j in range(theta.shape[1]):
        step = np.zeros(theta.shape[1])
        step[j] = 1e-5
        slope = (form.log_loss(theta + step, points) - form.log_loss(theta - step, points)) / 2e-5
        np.testing.assert_allclose(jacobian[:, :, j], slope, atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_natural_parameters_give_the_same_loss_as_written(form: Form) -> None:
    theta = draws(form, 3)
    natural = form.parameters(theta, UNITS)
    params, tokens = (
        np.exp(UNITS.log_params + RNG.normal(size=5)),
        np.exp(UNITS.log_tokens + RNG.normal(size=5)),
    )
    computed = np.exp(form.log_loss(theta, UNITS.points(params, tokens, tokens)) + UNITS.log_loss)
    for s in range(3):
        p = {name: float(values[s]) for name, values in natural.items()}
        expected = [written(form.name, p, N, D) for N, D in zip(params, tokens, strict=True)]
        np.testing.assert_allclose(computed[s], expected, rtol=1e-10)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_natural_parameters_stand_in_the_order_of_the_priors(form: Form) -> None:
    theta = np.tile(form.centre, (1, 1))
    names = list(form.parameters(theta, UNITS))
    assert names[0] == "E"
    assert names[-1] == "R_star"
    for j, name in enumerate(names[: len(form.priors) - 1]):
        moved = theta.copy()
        moved[0, j] += 0.1
        assert form.parameters(moved, UNITS)[name] != form.parameters(theta, UNITS)[name]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_floor_lies_below_the_smallest_loss_seen(form: Form) -> None:
    theta = draws(form, 50)
    theta[:, 0] = np.linspace(-30, 30, 50)
    assert np.all(form.parameters(theta, UNITS)["E"] <= np.exp(UNITS.log_loss))
