"""Which price a plan takes for a precision, and what it then chooses."""

from dataclasses import replace

import numpy as np
import pytest

from scalewright.documents import Reason
from scalewright.laws import Price
from scalewright.planning.decide import plan_machine
from scalewright.planning.prices import Prices

from .test_on_processor import LAW, SIZE, order


def measured(precision, rho, spread=1.03):
    return Price(
        precision=precision, rho=rho, low=rho / spread, high=rho * spread, pairs=12, trunks=6,
        reason=Reason(origin="fitted", text=f"fitted from 12 pairs here: rho = {rho}"),
    )  # fmt: skip


def planned(*prices, reference="fp32"):
    asked = replace(order(3600.0), prices=Prices(reference=reference, measured=prices))
    return plan_machine(asked, "published:chinchilla")


def test_where_a_price_comes_from():
    prices = Prices(reference="fp32", measured=(measured("bf16", 0.99), measured("simulated-int8", 0.97)))
    assert prices.of("bf16").rho == 0.99
    assert (prices.of("fp32").rho, prices.of("fp32").reason.origin) == (1.0, "derived")
    assert (prices.of("fp16").rho, prices.of("fp16").reason.origin) == (1.0, "assumed")
    assert "not measured" in prices.of("fp16").reason.text
    # Formats in hardware by their simulation here, or as published.
    assert prices.of("int8").rho == 0.97
    assert "simulated in fp32" in prices.of("int8").reason.text
    assert prices.of("fp8").rho == pytest.approx(0.92335, abs=1e-4)
    assert prices.of("fp8").reason.origin == "cited"
    # A law of runs in bf16 holds what these cost.
    assert Prices(reference="bf16").of("fp8").rho == pytest.approx(0.92335 / 0.9966, abs=1e-4)
    assert (Prices().of("bf16").rho, Prices().of("fp32").rho) == (1.0, 1.0)


def test_a_document(tmp_path):
    prices = Prices(reference="bf16", measured=(measured("fp32", 1.004),), warnings=("some",))
    prices.save(tmp_path / "prices.json")
    assert Prices.load(tmp_path / "prices.json") == prices


def test_what_was_not_measured_leaves_a_plan_as_it_is():
    plan = plan_machine(order(3600.0), "published:chinchilla")
    said = LAW.predict(SIZE(plan.choice.shape), plan.choice.tokens)
    assert plan.choice.loss == pytest.approx(said.loss, rel=1e-12)
    assert (plan.forecast.low, plan.forecast.high) == (said.low, said.high)
    assert plan.reasons["precision_price"].origin == "assumed"
    assert plan.reasons["precision_price"].text.startswith("bf16: loss of N rho params, rho taken as 1: not measured")


def test_the_loss_is_the_laws_at_the_effective_size_and_its_interval_wider():
    rho = 0.9
    plan = planned(measured("bf16", rho, spread=1.2))
    choice = plan.choice
    size = SIZE(choice.shape)
    said = LAW.predict(rho * size, choice.tokens)
    assert choice.precision == "bf16"
    assert choice.loss == pytest.approx(said.loss)
    assert plan.forecast.value == pytest.approx(said.loss)
    # As far as the law's own interval and that of rho reach together.
    worst = np.log(LAW.losses(rho / 1.2 * size, choice.tokens) / said.loss)
    assert np.log(plan.forecast.high / said.loss) == pytest.approx(np.hypot(np.log(said.high / said.loss), worst))
    best = np.log(said.loss / LAW.losses(rho * 1.2 * size, choice.tokens))
    assert np.log(said.loss / plan.forecast.low) == pytest.approx(np.hypot(np.log(said.loss / said.low), best))
    assert plan.extrapolation == pytest.approx(LAW.predict(size, choice.tokens).extrapolation)
    assert "fitted from 12 pairs here" in plan.reasons["precision_price"].text
    assert "fp32: derived: rho = 1" in plan.reasons["precision_price"].text


def test_a_precision_is_chosen_for_its_loss_not_its_speed():
    # bf16 is four times as fast; what so much data buy is worth a size of about 1/10 at most.
    assert planned(measured("bf16", 0.9)).choice.precision == "bf16"
    dear = planned(measured("bf16", 0.01))
    assert dear.choice.precision == "fp32"
    free = replace(order(3600.0), hardware=replace(order(3600.0).hardware, machine=only_fp32()))
    assert dear.choice.loss == pytest.approx(plan_machine(free, "published:chinchilla").choice.loss)
    # Where size and data are given, speed buys nothing, and the better precision wins.
    known = dear.choice
    fixed = replace(order(86400.0), params=known.params, tokens=known.tokens, context=known.shape.context)
    assert plan_machine(fixed, "published:chinchilla").choice.precision == "bf16"
    better = Prices(reference="bf16", measured=(measured("fp32", 1.05),))
    assert plan_machine(replace(fixed, prices=better), "published:chinchilla").choice.precision == "fp32"


def only_fp32():
    machine = order(1.0).hardware.machine
    return machine.model_copy(update={"precisions": machine.precisions.model_copy(update={"usable": ("fp32",)})})
