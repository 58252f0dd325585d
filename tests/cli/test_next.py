"""`next` as a user types it."""

import pytest
from tests.cli.conftest import write


def test_next_runs_of_a_law(answer, noisy, tmp_path):
    found = answer("next", noisy, "--params", "1e10", "--tokens", "2e11", "--spend", "1e20", "--most", "3")
    assert 0 < len(found["runs"]) <= 3
    assert found["spent"] <= 1e20
    first, last = found["now"], found["runs"][-1]
    assert first["low"] < last["low"] < last["high"] < first["high"]
    split = answer("allocate", noisy, "--compute", "1e22")
    aimed = answer("next", noisy, "--target-compute", "1e22", "--spend", "1e20")["target"]
    assert aimed == {"params": split["params"], "tokens": split["tokens"]}
    pool = write(tmp_path / "pool.csv", "params,tokens,hours", [(1e9, 2e10, 5), (2e9, 4e10, 20)])
    options = ["--params", "1e10", "--tokens", "2e11", "--pool", pool, "--cost", "hours", "--spend", "6"]
    (run,) = answer("next", noisy, *options)["runs"]
    assert run["inputs"] == {"params": 1e9, "tokens": 2e10}
    assert run["cost"] == 5


def test_what_a_person_sees_of_the_next_runs(call, noisy):
    code, out, _ = call("next", noisy, "--target-compute", "1e22", "--spend", "1e20")
    assert code == 0
    assert "target" in out
    assert "run 1" in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--target-compute", "1e22", "--params", "1e9"], "leave one or the other out"),
        (["--params", "1e9"], "--tokens is missing"),
        (["--target-compute", "1e22", "--cost", "hours"], "--cost: belongs to --pool"),
        (["--target-compute", "1e22", "--most", "0"], "at least one run"),
    ],
)
def test_options_of_next_that_are_wrong(refusal, law, options, said):
    assert said in refusal("next", law, "--spend", "1e20", *options)
