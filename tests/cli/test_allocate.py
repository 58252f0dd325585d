"""`allocate` as a user types it."""

import pytest
from tests.cli.conftest import ALPHA, BETA, A, B


def test_allocation_is_the_closed_form(answer, law):
    # Hoffmann et al. 2022, arXiv:2203.15556, eq. 4: N = G (C/6)^(beta / (alpha + beta)).
    found = answer("allocate", law, "--compute", "1e21")
    gain = (ALPHA * A / (BETA * B)) ** (1 / (ALPHA + BETA))
    assert found["params"] == pytest.approx(gain * (1e21 / 6) ** (BETA / (ALPHA + BETA)), rel=0.02)
    assert 6 * found["params"] * found["tokens"] == pytest.approx(1e21)
    assert found["low"] <= found["loss"] <= found["high"]
    assert found["extrapolation"] > 1


def test_budgets_that_buy_nothing(refusal, law):
    assert "--compute: found 'much'" in refusal("allocate", law, "--compute", "much")
    assert "less than a tenth" in refusal("allocate", law, "--compute", "10")
    assert "level: found 2" in refusal("allocate", law, "--compute", "1e20", "--level", "2")


@pytest.mark.parametrize(
    ("options", "compute"),
    [
        (["--time", "10h", "--rate", "400T"], 36000 * 4e14),
        (["--usd", "50", "--usd-per-hour", "2.5", "--rate", "4e14"], 20 * 3600 * 4e14),
    ],
)
def test_budgets_of_time_and_money(answer, law, options, compute):
    found, same = answer("allocate", law, *options), answer("allocate", law, "--compute", compute)
    assert found["flops"] == pytest.approx(compute)
    assert found["params"] == pytest.approx(same["params"])
    assert "hours at 4e+14 FLOP/s" in found["reason"]


def test_budgets_of_a_lifetime_and_of_a_loss(answer, law):
    served = answer("allocate", law, "--compute", "1e22", "--inference-tokens", "1T")
    assert 6 * served["params"] * served["tokens"] + 2 * served["params"] * 1e12 == pytest.approx(1e22)
    least = answer("allocate", law, "--loss", answer("allocate", law, "--compute", "1e21")["loss"])
    assert least["flops"] == pytest.approx(1e21, rel=1e-3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "no budget, expected one of"),
        (["--compute", "1e21", "--time", "1h"], "found --compute, --time"),
        (["--time", "1h"], "need --rate R"),
        (["--time", "ten hours", "--rate", "1e14"], "--time: found 'ten hours', expected"),
        (["--usd", "10", "--rate", "1e14"], "needs --usd-per-hour"),
        (["--loss", "2", "--compute", "1e21"], "stands for a budget"),
    ],
)
def test_budgets_that_are_wrong(refusal, law, options, said):
    assert said in refusal("allocate", law, *options)
