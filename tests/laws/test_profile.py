import numpy as np
import pytest
from scipy.optimize import brentq, minimize
from scipy.stats import f as fisher
from scipy.stats import linregress
from scipy.stats import t as student
from tests.laws.conftest import Truth

from scalewright.errors import WorkError
from scalewright.laws import FORMS, Runs
from scalewright.laws.plain import plain_fit
from scalewright.laws.profile import profile_intervals

X = 2.0 ** np.arange(12)
NOISE = 0.02 * np.random.default_rng(5).standard_normal(12)


@pytest.mark.parametrize("noise", [1.0, 0.1, 1e-3])
def test_the_slope_of_a_line_has_student_s_interval(noise: float) -> None:
    """ln L = ln A - alpha ln x by least squares: the profile interval is the textbook's, however little noise there is."""
    loss = 3 * X**-0.3 * np.exp(noise * NOISE)
    fitted = plain_fit(FORMS["power"], Runs.checked({"tokens": X}, loss), delta=np.inf)
    line = linregress(np.log(X), np.log(loss))
    reach = student.ppf(0.95, 10) * line.stderr
    found = profile_intervals(fitted, 0.9)
    # In halves of the interval's width, which an interval far too wide misses though its ends be near the slope.
    assert (np.array(found["alpha"]) + line.slope) / reach == pytest.approx([-1, 1], abs=1e-3)
    reach = student.ppf(0.95, 10) * line.intercept_stderr
    assert (np.log(found["A"]) - line.intercept) / reach == pytest.approx([-1, 1], abs=1e-3)


@pytest.mark.parametrize("noise", [0.2, 0.002])
def test_a_floor_has_the_interval_of_brute_force(noise: float) -> None:
    loss = (1.5 + 2 * X**-0.5) * np.exp(noise * NOISE)
    fitted = plain_fit(FORMS["power_floor"], Runs.checked({"tokens": X}, loss), delta=np.inf)

    def squares(E: float) -> float:
        def off(t: np.ndarray) -> float:
            return float(((np.log(E + np.exp(t[0]) * X ** -t[1]) - np.log(loss)) ** 2).sum())

        options = {"xatol": 1e-10, "fatol": 1e-16, "maxiter": 4000}
        starts = [(0.5, 0.4), (1.0, 0.6), (0.2, 0.9)]
        return min(minimize(off, start, method="Nelder-Mead", options=options).fun for start in starts)

    best = fitted.parameters["E"]
    limit = squares(best) * (1 + fisher.ppf(0.9, 1, 9) / 9)
    expected = brentq(lambda E: squares(E) - limit, 1.2, best), brentq(lambda E: squares(E) - limit, best, 1.6)
    found, width = np.array(profile_intervals(fitted, 0.9)["E"]), expected[1] - expected[0]
    assert (found - best) / width == pytest.approx((np.array(expected) - best) / width, abs=5e-3)


def test_what_nothing_bounds_is_said() -> None:
    """Along a line of pure power, any small floor will do."""
    loss = 3 * X**-0.3 * np.exp(NOISE)
    fitted = plain_fit(FORMS["power_floor"], Runs.checked({"tokens": X}, loss))
    assert profile_intervals(fitted)["E"][0] == pytest.approx(0, abs=1e-6)


def test_profiles_are_near_the_published_bootstrap(figure: Truth) -> None:
    """Besiroglu et al. 2024: E 1.769 to 1.871, alpha 0.317 to 0.373, by 4,000 bootstraps."""
    fitted = plain_fit(FORMS["chinchilla"], Runs.checked(figure.inputs, figure.losses()))
    found = profile_intervals(fitted, 0.95)
    assert found["E"] == pytest.approx((1.769, 1.871), abs=0.03)
    assert found["alpha"] == pytest.approx((0.317, 0.373), abs=0.02)


def test_a_form_about_the_mean_of_its_inputs_has_no_profile(hoffmann: Truth) -> None:
    fitted = plain_fit(FORMS["interaction"], Runs.checked(hoffmann.inputs, hoffmann.losses(0.003)))
    with pytest.raises(WorkError, match="take the intervals of the bootstrap"):
        profile_intervals(fitted)
