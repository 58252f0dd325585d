"""`prepare` of several sources, and `train` on what it made."""

import json
import subprocess
import sys

import numpy as np
import pytest

from scalewright.ledger import Ledger
from scalewright.planning.request import plan as plan_request


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with two sources, `a` and `b`."""
    folder = tmp_path_factory.mktemp("place")
    generator = np.random.default_rng(0)
    for name, letters in (("a", "abcd"), ("b", "efgh")):
        words = ["".join(generator.choice(list(letters), size=4)) for _ in range(40)]
        (folder / name).mkdir()
        for number in range(40):
            lines = [" ".join(generator.choice(words, size=8)) + ".\n" for _ in range(25)]
            (folder / name / f"{number:02}.txt").write_text("".join(lines))
    return folder


def mixed(place):
    return ["--source", f"a=0.75:{place / 'a'}", "--source", f"b=0.25:{place / 'b'}/*.txt", "--tokenizer", "bytes"]


def test_a_plan_is_trained_on_a_mixture(place, call, slow_machine):
    code, out, error = call("prepare", *mixed(place), "--out", place / "data", "--json")
    assert code == 0, error
    made = json.loads(out)
    assert [(source["name"], source["weight"]) for source in made["mixture"]] == [("a", 0.75), ("b", 0.25)]
    assert made["shards"] == 6
    assert made["tokens"]["train"] == sum(source["splits"]["train"]["tokens"] for source in made["mixture"])
    plan_request("published:chinchilla", slow_machine, flops=1e10, hours=1, vocabulary=257, context=32).save(
        place / "plan.json"
    )
    command = [sys.executable, "-m", "scalewright", "train", "plan.json", "--data", "data", "--json", "--out", "run"]
    answered = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=300)
    assert answered.returncode == 0, answered.stderr
    found = json.loads(answered.stdout)
    losses = found["metrics"]
    assert found["loss"] == pytest.approx(0.75 * losses["loss_a"] + 0.25 * losses["loss_b"])
    assert found["test_loss"] == pytest.approx(0.75 * losses["test_loss_a"] + 0.25 * losses["test_loss_b"])
    with Ledger.open(place / "run" / "ledger.db") as ledger:
        (run,) = ledger.runs()
    assert run.metrics == losses


def test_what_could_not_be_read_is_told(place, call, tmp_path):
    (tmp_path / "text").mkdir()
    for file in sorted((place / "a").iterdir())[:20]:
        (tmp_path / "text" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "text" / "latin.txt").write_bytes("é".encode("latin-1"))
    code, _, error = call("prepare", tmp_path / "text", "--out", tmp_path / "data", "--tokenizer", "bytes")
    assert code == 0, error
    assert "skipped 1 of the files and rows: " in " ".join(error.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "DATA and --source: found neither"),
        (["a", "--source", "a=1:a"], "DATA and --source: found both"),
        (["--source", "a:b"], "--source a:b: expected NAME=WEIGHT:DATA"),
        (["--source", "a=x:b"], "--source a=x:b: expected NAME=WEIGHT:DATA"),
        (["--source", "a=nan:b"], "expected NAME=WEIGHT:DATA"),
        (["--source", "a=-1:b"], "weight -1.0: expected a positive number"),
        (["--source", "a=1:nowhere"], "source 'a': nowhere: no such file"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, call, arguments, said):
    code, out, error = call("prepare", *arguments, "--out", tmp_path / "data")
    assert (code, out) == (2, "")
    assert said in " ".join(error.split())
    assert not (tmp_path / "data").exists()
