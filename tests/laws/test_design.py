"""A power law of one input is a straight line in logarithms: what runs tell about it is known exactly."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from tests.laws.conftest import Truth

from scalewright.errors import InputError, WorkError
from scalewright.laws import FORMS, Law, Runs, fit, fit_inputs, propose
from scalewright.laws.beliefs import Belief, believe
from scalewright.laws.design import design
from scalewright.laws.next_run import choose
from scalewright.laws.plain import fit_plain

LINE = FORMS["power"]
POOL = {"tokens": 10.0 ** np.arange(3, 9)}
TARGET = {"tokens": np.array([1e10])}
SIGMA = 0.02


def prior(discrepancy: float = 0.0) -> Belief:
    (belief,) = believe([LINE], None, POOL)
    return replace(belief, sigma=SIGMA, discrepancy=discrepancy)


def derivatives(belief: Belief, places: dict[str, np.ndarray]) -> np.ndarray:
    """ln L = ln A - alpha ln x, with theta = (ln A, ln alpha)."""
    x = np.log(places["tokens"]) - belief.units.log["tokens"]
    return np.stack([np.ones_like(x), -np.exp(belief.theta[1]) * x])


def variance(belief: Belief, chosen: tuple[int, ...]) -> float:
    """At the target, by the textbook formula."""
    J, t = derivatives(belief, POOL)[:, list(chosen)], derivatives(belief, TARGET)[:, 0]
    return float(t @ np.linalg.inv(np.linalg.inv(belief.covariance) + J @ J.T / SIGMA**2) @ t)


def test_a_run_updates_the_covariance_as_bayes_has_it() -> None:
    belief = prior()
    for run in (0, 4, 4):
        belief = belief.after({"tokens": POOL["tokens"][run : run + 1]})
    J = derivatives(belief, {"tokens": POOL["tokens"][[0, 4, 4]]})
    known = np.linalg.inv(prior().covariance) + J @ J.T / SIGMA**2
    np.testing.assert_allclose(belief.covariance, np.linalg.inv(known), rtol=1e-9)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_design_is_the_best_of_all_sets(most: int) -> None:
    belief, cost = prior(), np.array([1.0, 2, 3, 5, 8, 13])
    found = design([belief], None, POOL, cost, 16.0, TARGET, most)
    sets = [c for k in range(1, most + 1) for c in combinations(range(6), k) if cost[list(c)].sum() <= 16]
    least = min(variance(belief, each) for each in sets)
    assert found.error[-1] == pytest.approx(np.sqrt(least), rel=1e-9)
    assert cost[list(found.chosen)].sum() <= 16
    assert np.all(np.diff(found.error) <= 0)


def test_runs_that_tell_too_little_are_left_out() -> None:
    cost = np.ones(6)
    whole = design([prior()], None, POOL, cost, 6.0, TARGET, 6)
    part = design([prior()], None, POOL, cost, 6.0, TARGET, 6, least=0.05)
    assert len(part.chosen) < len(whole.chosen)
    gained = [np.square(each.error[0]) - np.square(each.error[-1]) for each in (whole, part)]
    assert gained[1] > 0.8 * gained[0]
    without = [variance(prior(), tuple(c for c in part.chosen if c != run)) for run in part.chosen]
    assert min(without) - np.square(part.error[-1]) >= 0.05 * gained[1]


def test_a_discrepancy_asks_for_runs_near_the_target() -> None:
    cost = np.ones(6)
    exact = design([prior()], None, POOL, cost, 1.0, TARGET, 1)
    inexact = design([prior(0.1)], None, POOL, cost, 1.0, TARGET, 1)
    assert inexact.chosen == (5,)
    assert inexact.error[-1] ** 2 == pytest.approx(variance(prior(), (5,)) + (0.1 * np.log(100)) ** 2)
    assert exact.error[-1] < inexact.error[-1]


def test_the_d_optimal_line_has_its_runs_at_both_ends() -> None:
    (start,) = believe([LINE], None, POOL)
    vague = replace(start, covariance=1e4 * start.covariance, sigma=SIGMA)
    assert set(choose([vague], None, POOL, np.ones(6), 9.0, TARGET, most=2, criterion="determinant")) == {0, 5}


def test_one_run_is_worth_what_simulation_says() -> None:
    """Two forms: the error expected after a run, their disagreement included, against draws of its loss."""
    rng = np.random.default_rng(2)
    lines = [replace(prior(), theta=np.array([0.0, np.log(alpha)]), weight=w) for alpha, w in ((0.3, 0.6), (0.34, 0.4))]
    lines = [replace(b, covariance=np.diag([1e-3, 1e-3]), sigma=0.05) for b in lines]

    def expected(run: int) -> float:
        place = {"tokens": POOL["tokens"][run : run + 1]}
        total = []
        for _ in range(4000):
            truth = lines[int(rng.random() < 0.4)]
            theta = rng.multivariate_normal(truth.theta, truth.covariance)
            y = float(replace(truth, theta=theta).at(place)[0][0]) + 0.05 * rng.standard_normal()
            weights, centres, variances = [], [], []
            for b in lines:
                (mean,), J = b.at(place)
                spread = float(J[:, 0] @ b.covariance @ J[:, 0]) + b.sigma**2
                (centre,), T = b.at(TARGET)
                weights.append(b.weight * np.exp(-((y - mean) ** 2) / 2 / spread) / np.sqrt(spread))
                centres.append(centre + float(T[:, 0] @ b.covariance @ J[:, 0]) / spread * (y - mean))
                variances.append(float(T[:, 0] @ b.after(place).covariance @ T[:, 0]))
            w = np.array(weights) / np.sum(weights)
            total.append(w @ np.array(variances) + w @ (np.array(centres) - w @ np.array(centres)) ** 2)
        return float(np.mean(total))

    best = min(range(6), key=expected)
    assert choose(lines, None, POOL, np.ones(6), 1.0, TARGET) == [best]


def test_before_any_run_the_priors_speak() -> None:
    forms = [form for form in FORMS.values() if form.averaged and form.fits(("params", "tokens"))]
    beliefs = believe(forms, None, {"params": np.array([1e6, 1e8]), "tokens": np.array([1e8, 1e9])})
    assert sum(belief.weight for belief in beliefs) == pytest.approx(1)
    for belief in beliefs:
        np.testing.assert_array_equal(belief.theta, belief.form.centre)


def test_beliefs_favour_the_form_that_the_runs_follow(hoffmann: Truth) -> None:
    runs = Runs.checked(hoffmann.inputs, hoffmann.losses(0.002))
    sum_, product = believe([FORMS["chinchilla"], FORMS["kaplan"]], runs, hoffmann.inputs)
    assert sum_.weight > 0.99 > product.weight


@pytest.fixture(scope="module")
def ladder(hoffmann: Truth) -> Law:
    small = hoffmann.params * hoffmann.tokens < np.median(hoffmann.params * hoffmann.tokens)
    return fit(hoffmann.params[small], hoffmann.tokens[small], hoffmann.losses(0.003)[small], bootstrap=60)


def test_a_proposal_keeps_to_its_sum_and_narrows_the_interval(ladder: Law) -> None:
    target = {"params": 1e10, "tokens": 2e11}
    spend = 20 * ladder.support.compute * 6
    found = propose(ladder, target, spend, most=5)
    assert found.now == ladder.predict(**target)
    assert 0 < len(found.runs) <= 5
    assert found.spent == pytest.approx(sum(run.cost for run in found.runs))
    assert found.spent <= spend
    widths = [found.now.high - found.now.low, *(run.high - run.low for run in found.runs)]
    assert np.all(np.diff(widths) < 0)
    assert not found.stop
    assert widths[-1] < 0.95 * widths[0]


def test_runs_like_those_made_are_not_worth_making(hoffmann: Truth) -> None:
    law = fit(hoffmann.params, hoffmann.tokens, hoffmann.losses(0.003), bootstrap=60)
    assert propose(law, {"params": 1e10, "tokens": 2e11}, 6 * law.support.compute / 100).stop


def test_a_promise_is_kept(ladder: Law, hoffmann: Truth) -> None:
    """The runs proposed are made: the interval then found is about the one expected."""
    target = {"params": 1e10, "tokens": 2e11}
    found = propose(ladder, target, 20 * ladder.support.compute * 6)
    N, D = (np.array([run.inputs[name] for run in found.runs]) for name in ("params", "tokens"))
    small = hoffmann.params * hoffmann.tokens < np.median(hoffmann.params * hoffmann.tokens)
    all_N, all_D = np.append(hoffmann.params[small], N), np.append(hoffmann.tokens[small], D)
    noise = np.exp(0.003 * np.random.default_rng(3).standard_normal(len(all_N)))
    after = fit(all_N, all_D, hoffmann.law(all_N, all_D) * noise, bootstrap=60).predict(**target)
    before, promised = found.now.high / found.now.low, found.runs[-1].high / found.runs[-1].low
    assert 0.5 < np.log(after.high / after.low) / np.log(promised) < 1.5
    assert after.high / after.low < before


def test_a_pool_is_chosen_from(ladder: Law) -> None:
    pool = {"params": np.array([1e9, 2e9, 4e9]), "tokens": np.array([2e10, 4e10, 8e10])}
    found = propose(ladder, {"params": 1e10, "tokens": 2e11}, 5.0, pool, cost=[1.0, 2.0, 4.0])
    places = {(run.inputs["params"], run.cost) for run in found.runs}
    assert places <= {(1e9, 1.0), (2e9, 2.0), (4e9, 4.0)}
    assert found.spent <= 5


def test_a_law_that_leaves_nothing_open_asks_for_no_runs(hoffmann: Truth) -> None:
    exact = fit_plain(hoffmann.inputs, hoffmann.losses(), "chinchilla", bootstrap=20)
    assert propose(exact, {"params": 1e10, "tokens": 2e11}, 1e20).stop


def test_what_cannot_be_proposed(ladder: Law) -> None:
    target = {"params": 1e10, "tokens": 2e11}
    with pytest.raises(InputError, match="spend: found nan"):
        propose(ladder, target, float("nan"))
    with pytest.raises(InputError, match="at least one run"):
        propose(ladder, target, 1e20, most=0)
    with pytest.raises(WorkError, match="less than the cheapest run costs"):
        propose(ladder, target, 1.0)
    x = 2.0 ** np.arange(12)
    curve = fit_inputs({"tokens": x}, 1 + x**-0.5, bootstrap=20)
    with pytest.raises(InputError, match="as a pool"):
        propose(curve, {"tokens": 1e6}, 1e6)
    with pytest.raises(InputError, match="what each run of the pool costs"):
        propose(curve, {"tokens": 1e6}, 1e6, {"tokens": x})
