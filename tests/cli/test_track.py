"""`forecasts` as a user types it."""

import pytest

from scalewright.ledger import Forecast, Ledger


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(tmp_path / "ledger.db") as opened:
        for plan, quantity, value, measured in (
            ("p1", "loss", 2.0, 2.1), ("p2", "loss", 4.0, 3.0), ("p1", "seconds", 100.0, 104.0), ("p3", "loss", 5.0, None),
        ):  # fmt: skip
            opened.store_forecast(
                Forecast(quantity=quantity, unit="nats", value=value, low=0.9 * value, high=1.1 * value, level=0.9,
                         extrapolation=9.0, law_hash="l", plan_hash=plan)
            )  # fmt: skip
            if measured is not None:
                opened.score_forecast(plan, quantity, measured)
    return tmp_path / "ledger.db"


def test_the_track_record(answer, ledger):
    found = answer("forecasts", "--ledger", ledger)
    # |2.1/2 - 1| = 5 %, inside; |3/4 - 1| = 25 %, outside.
    assert found["record"]["loss"] == {
        "quantity": "loss", "count": 2, "mean_absolute_error": pytest.approx(0.15), "coverage": 0.5, "level": 0.9,
    }  # fmt: skip
    assert (found["error"], found["coverage"]) == (pytest.approx(0.15), 0.5)
    assert [each["measured"] for each in found["forecasts"]] == [2.1, 3.0, 104.0, None]
    assert [each["inside"] for each in found["forecasts"]] == [True, False, True, None]


def test_one_quantity(answer, ledger):
    found = answer("forecasts", "--ledger", ledger, "--quantity", "seconds")
    assert [each["value"] for each in found["forecasts"]] == [100.0]
    assert found["error"] == pytest.approx(0.04)


def test_it_is_told(call, ledger):
    code, out, error = call("forecasts", "--ledger", ledger)
    assert (code, error) == (0, "")
    assert "loss: 2 scored, off by 15.0% in the mean, 50% inside intervals meant for 90%" in out
    assert "-25.0%" in out
    assert out.count("inside") == 4  # two forecasts, two lines of the record


def test_nothing_to_tell(call, answer, tmp_path):
    Ledger.open(tmp_path / "empty.db").close()
    code, out, _ = call("forecasts", "--ledger", tmp_path / "empty.db")
    assert code == 0
    assert "none is scored yet" in out
    assert answer("forecasts", "--ledger", tmp_path / "empty.db") == {
        "forecasts": [], "record": {}, "error": None, "coverage": None,
    }  # fmt: skip
