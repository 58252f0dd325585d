import numpy as np
import pytest
from scipy.optimize import minimize

from scalewright.laws import FORMS, Form, Runs
from scalewright.laws.minimise import Problem, minimise

from .conftest import AVERAGED, SUMS, truth


@pytest.mark.parametrize(
    "form", [FORMS[name] for name in ["kaplan", *SUMS, *AVERAGED]], ids=["kaplan", *SUMS, *AVERAGED]
)
def test_each_minimum_of_a_batch_is_scipys(form: Form) -> None:
    """Against BFGS on the objective written out anew."""
    true, delta, rng = truth(form.name, np.random.default_rng(6)), 1.345, np.random.default_rng(0)
    ladder = Runs.checked(true.inputs, true.losses(0.01))
    points = ladder.standard.points(ladder.inputs)
    log_loss = np.log(ladder.loss) - ladder.standard.log["loss"]
    targets = log_loss + 0.01 * rng.standard_normal((3, len(ladder)))
    centres = form.centre + 0.3 * form.sd * rng.standard_normal((3, len(form.sd)))
    sigmas = np.array([0.005, 0.01, 0.02])

    def objective(theta: np.ndarray, target: np.ndarray, centre: np.ndarray, sigma: float) -> float:
        r = np.abs(form.log_loss(theta[None], points)[0] - target) / sigma
        huber = np.where(r < delta, r**2 / 2, delta * r - delta**2 / 2).sum()
        return float(huber + (((theta - centre) / form.sd) ** 2).sum() / 2)

    posed = Problem(form, points, targets, sigmas, delta, centres, form.sd**-2, np.ones((1, len(ladder))))
    minima = minimise(posed, np.tile(form.centre, (3, 1)), 1e-9)
    for theta, value, *problem in zip(minima.theta, minima.objective, targets, centres, sigmas, strict=True):
        found = minimize(objective, theta + 0.05, args=tuple(problem), method="BFGS", options={"gtol": 1e-7})
        assert value == pytest.approx(objective(theta, *problem), rel=1e-9)
        assert value <= found.fun * (1 + 1e-5)
