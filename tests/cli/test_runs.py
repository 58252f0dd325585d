"""`runs` as a user types it."""

import csv
import json

import pytest

from scalewright.ledger import Ledger, Run

FIELDS = {
    "study": "novels", "data_hash": "d0", "tokenizer_hash": None, "task": "language", "context": 128, "recipe_version": 1,
    "params_total": 9, "unique_tokens": 5, "flops": 1e12, "layout": "single", "seconds": 12.5, "tokens_per_second": 1e4,
    "peak_memory_bytes": 1, "seed": 0, "curve": [[1, 2.0]],
}  # fmt: skip


@pytest.fixture
def ledger(tmp_path):
    rows = [
        ("aa11", "ladder", 1000, 50_000, 3.5, "bf16", 0.01, {}),
        ("ab22", "ladder", 2000, 50_000, 3.25, "bf16", 0.02, {}),
        ("bb33", "final", 8000, 400_000, 2.75, "fp32", 0.01, {"accuracy": 0.5}),
    ]
    with Ledger.open(tmp_path / "ledger.db") as opened:
        for id, role, params, tokens, loss, precision, rate, metrics in rows:
            configuration = {"threads": 1, "recipe": {"learning_rate": rate, "warmup_steps": 10}}
            opened.record_run(
                Run(id=id, role=role, params=params, tokens=tokens, loss=loss, precision=precision,
                    configuration=configuration, metrics=metrics, **FIELDS)
            )  # fmt: skip
    return tmp_path / "ledger.db"


def ids(answer, ledger, *arguments):
    return [run["id"] for run in answer("runs", "--ledger", ledger, *arguments)["runs"]]


def test_they_are_listed(call, ledger):
    code, out, error = call("runs", "--ledger", ledger)
    assert (code, error) == (0, "")
    heading, *lines = out.splitlines()
    assert heading.split()[:3] == ["id", "study", "role"]
    assert [line.split()[0] for line in lines] == ["aa11", "ab22", "bb33"]
    assert "400,000" in lines[2]
    assert "2.7500" in lines[2]


def test_some_are_taken(answer, ledger):
    assert ids(answer, ledger, "--where", "role == 'ladder'") == ["aa11", "ab22"]
    assert ids(answer, ledger, "--where", "`recipe.learning_rate` <= 0.01 and params > 1K") == ["bb33"]
    assert ids(answer, ledger, "--where", "`metrics.accuracy` > 0.4") == ["bb33"]
    assert ids(answer, ledger, "--sort", "loss") == ["bb33", "ab22", "aa11"]
    assert ids(answer, ledger, "--sort=-params") == ["bb33", "ab22", "aa11"]
    assert ids(answer, ledger, "--sort", "metrics.accuracy") == ["bb33", "aa11", "ab22"]


def test_two_are_compared(call, ledger):
    code, out, _ = call("runs", "aa", "ab", "--ledger", ledger)
    assert code == 0
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()[1:]}
    assert rows["recipe.learning_rate"] == ["0.01", "0.02"]
    assert rows["loss"] == ["3.5000", "3.2500"]
    # What does not differ is not shown.
    assert not {"threads", "study", "recipe.warmup_steps"} & rows.keys()


def test_one_is_shown_whole(call, ledger):
    _, out, _ = call("runs", "bb33", "--ledger", ledger)
    shown = dict(line.split(maxsplit=1) for line in out.splitlines()[1:] if len(line.split()) == 2)
    assert shown["recipe.warmup_steps"] == "10"
    assert shown["metrics.accuracy"] == "0.5"


def test_they_are_exported(call, ledger, tmp_path):
    for suffix in ("csv", "jsonl", "parquet"):
        code, out, error = call("runs", "--ledger", ledger, "--out", tmp_path / f"runs.{suffix}")
        assert (code, out, error) == (0, "", "")
    with (tmp_path / "runs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], row["loss"], row["recipe.learning_rate"], row["metrics.accuracy"]) for row in rows] == [
        ("aa11", "3.5", "0.01", ""), ("ab22", "3.25", "0.02", ""), ("bb33", "2.75", "0.01", "0.5"),
    ]  # fmt: skip
    lines = [json.loads(line) for line in (tmp_path / "runs.jsonl").read_text().splitlines()]
    assert [line["tokens"] for line in lines] == [50_000, 50_000, 400_000]
    parquet = pytest.importorskip("pyarrow.parquet")
    assert parquet.read_table(tmp_path / "runs.parquet").column("loss").to_pylist() == [3.5, 3.25, 2.75]


def test_what_is_exported_can_be_fitted(answer, ledger, tmp_path, call):
    with Ledger.open(ledger) as opened:
        for number, (params, tokens) in enumerate((n, d) for n in (1e4, 2e4, 4e4) for d in (1e5, 2e5, 4e5)):
            loss = 1.5 + 100 * params**-0.4 + 200 * tokens**-0.4
            opened.record_run(
                Run(id=f"f{number}", role="ladder", params=int(params), tokens=int(tokens), loss=loss, precision="bf16",
                    configuration={}, **FIELDS)
            )  # fmt: skip
    call("runs", "--ledger", ledger, "--where", "params >= 10K", "--out", tmp_path / "runs.csv")
    found = answer("fit", tmp_path / "runs.csv", "--form", "chinchilla", "--bootstrap", "20")
    assert found["parameters"]["alpha"] == pytest.approx(0.4, rel=0.02)


def test_what_cannot_be_asked(refusal, ledger, tmp_path):
    assert "a: 2 runs of 3" in refusal("runs", "a", "--ledger", ledger)
    assert "zz: no run of 3" in refusal("runs", "zz", "--ledger", ledger)
    assert "none has 'los'" in refusal("runs", "--ledger", ledger, "--sort", "los")
    assert "none has 'loses'" in refusal("runs", "--ledger", ledger, "--where", "loses > 2")
    assert ".csv, .jsonl, .parquet" in refusal("runs", "--ledger", ledger, "--out", tmp_path / "runs.xls")
    assert "no such file" in refusal("runs", "--ledger", tmp_path / "none.db")


def test_a_ledger_without_runs(call, tmp_path):
    Ledger.open(tmp_path / "empty.db").close()
    code, out, _ = call("runs", "--ledger", tmp_path / "empty.db")
    assert (code, len(out.splitlines())) == (0, 1)


@pytest.fixture
def told(ledger):
    """The steps of two runs, one of them without a row: it is not finished."""
    with Ledger.open(ledger) as opened:
        opened.record_metrics("bb33", [(n, "train_loss", 4.0 / n) for n in (1, 2, 4)] + [(4, "validation_loss", 1.5)])
        opened.record_metrics("bc44", [(1, "train_loss", 5.0)])
    return ledger


def test_steps_are_listed(call, answer, told):
    code, out, error = call("runs", "--ledger", told, "--steps", "bb")
    assert (code, error) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        ["step", "train", "loss", "validation", "loss"], ["1", "4.0000"], ["2", "2.0000"], ["4", "1.0000", "1.5000"],
    ]  # fmt: skip
    assert answer("runs", "--ledger", told, "--steps", "bc")["steps"] == [{"step": 1, "train_loss": 5.0}]


def test_steps_are_filtered_and_exported(answer, call, told, tmp_path):
    asked = ("runs", "--ledger", told, "--steps", "bb33")
    assert [row["step"] for row in answer(*asked, "--where", "step > 1", "--sort=-step")["steps"]] == [4, 2]
    for suffix in ("csv", "jsonl", "parquet"):
        assert call(*asked, "--out", tmp_path / f"steps.{suffix}") == (0, "", "")
    with (tmp_path / "steps.csv").open() as file:
        rows = [(row["step"], row["train_loss"], row["validation_loss"]) for row in csv.DictReader(file)]
    assert rows == [("1", "4.0", ""), ("2", "2.0", ""), ("4", "1.0", "1.5")]
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(tmp_path / "steps.parquet")
    assert table.to_pydict() == {"step": [1, 2, 4], "train_loss": [4.0, 2.0, 1.0], "validation_loss": [None, None, 1.5]}


def test_steps_that_cannot_be_asked(refusal, told):
    assert "--steps b: 2 runs (bb33, bc44)" in refusal("runs", "--ledger", told, "--steps", "b")
    assert "--steps aa: no run that told of its steps" in refusal("runs", "--ledger", told, "--steps", "aa")
    assert "leave out aa" in refusal("runs", "aa", "--ledger", told, "--steps", "bb")
