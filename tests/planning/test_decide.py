"""A plan as a document: what it rests on, and its reasons."""

import numpy as np
import pytest

import scalewright
from scalewright.errors import InputError
from scalewright.machines.cluster import Cluster
from scalewright.planning.decide import plan_machine
from scalewright.planning.machine_plan import MachinePlan, Option
from scalewright.planning.on_cluster import OnCluster
from scalewright.planning.published import law_and_size
from scalewright.planning.search import Limits, Order

LAW, SIZE, _ = law_and_size("published:chinchilla")


@pytest.fixture(scope="module")
def plan():
    asked = Order(LAW, SIZE, OnCluster(Cluster.named("64 x H100-SXM")), Limits(seconds=7 * 86400.0))
    return plan_machine(asked, "published:chinchilla")


def test_an_expert_would_accept_it(plan):
    # 64 H100 at 40 to 50 % of their peak for a week are 1.5 to 1.9e22 FLOPs. Hoffmann et al. 2022 (arXiv:2203.15556, table 3)
    # would spend 1.23e22 on 10 B params and 205 B tokens.
    choice = plan.choice
    assert 0.38 < choice.mfu < 0.5
    assert 8e9 < choice.params_total < 15e9
    assert 12 < choice.tokens / choice.params_total < 35
    assert choice.layout.tensor * choice.layout.pipeline <= 8
    assert choice.device_hours == pytest.approx(64 * 168)


def test_every_number_has_a_reason(plan):
    assert set(plan.reasons) >= {
        "params", "shape", "tokens", "layout", "batch", "precision", "tokens_per_second", "seconds", "memory_bytes", "machine",
        "ideal", "efficiency", "forecast", "flop_optimal", "regret", "usd", "kwh",
    }  # fmt: skip
    assert "nvidia.com" in plan.reasons["machine"].text


def test_the_ideal_is_the_textbooks(plan):
    seconds = plan.choice.flops / 494.7e12 * 16 / 32 / 64  # tf32 peak: NVIDIA H100 white paper
    assert plan.ideal.seconds == pytest.approx(seconds)
    assert plan.efficiency == pytest.approx(seconds / plan.choice.seconds)


def test_forecast_is_the_laws(plan):
    said = LAW.predict(plan.choice.params_total, plan.choice.tokens)
    assert (plan.forecast.value, plan.forecast.low, plan.forecast.high) == pytest.approx(
        (said.loss, said.low, said.high)
    )
    assert plan.choice.loss == pytest.approx(said.loss)
    assert plan.forecast_seconds.low < plan.choice.seconds < plan.forecast_seconds.high


def test_the_front_holds_what_nothing_beats(plan):
    def costs(option: Option):
        return np.array([option.loss, option.seconds, option.memory_bytes, option.serving_flops_per_token])

    assert plan.choice in plan.front
    for one in plan.front:
        assert not any((costs(other) < costs(one)).all() for other in plan.front)
    assert min(option.seconds for option in plan.front) == pytest.approx(plan.choice.seconds / 8)
    assert plan.runner_up.loss >= plan.choice.loss


def test_the_same_flops_at_equal_speed_buy_no_more_than_the_law_says(plan):
    assert plan.flop_optimal.loss <= plan.choice.loss * (1 + 1e-9)
    assert plan.flop_optimal.loss == pytest.approx(plan.choice.loss, rel=2e-3)


def test_regret_is_small_where_the_optimum_is_flat(plan):
    mean, most = plan.regret
    assert 0 <= mean <= most < 0.01


@pytest.mark.parametrize(
    ("machine", "seconds", "codes"),
    [("64 x A100", 7 * 86400.0, ["published"]), ("8 x H200", 7 * 86400.0, ["published", "machine"]),
     ("1 x A100", 20.0, ["published", "far"])],
)  # fmt: skip
def test_what_the_plan_does_not_rest_on_is_said(machine, seconds, codes):
    found = plan_machine(
        Order(LAW, SIZE, OnCluster(Cluster.named(machine)), Limits(seconds=seconds)), "published:chinchilla"
    )
    assert [text.split(":")[0] for text in found.warnings] == codes


def test_it_is_kept_and_read(plan, tmp_path):
    plan.save(tmp_path / "plan.json")
    assert MachinePlan.load(tmp_path / "plan.json") == plan


def test_the_verb_of_python_asks_the_same(plan):
    asked = scalewright.plan("published:chinchilla", "64 x H100-SXM", days=7)
    assert asked == plan
    with pytest.raises(InputError, match="hours and days: found both"):
        scalewright.plan("published:chinchilla", "8 x A100", hours=1, days=1)
    with pytest.raises(InputError, match="context 0"):
        scalewright.plan(LAW, "8 x A100", hours=1, context=0)
