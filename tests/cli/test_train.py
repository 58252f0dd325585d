"""`prepare`, `plan --out` and `train` as a user types them, one after the other."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from scalewright.ledger import Ledger
from scalewright.planning.machine_plan import Layout, MachinePlan
from scalewright.planning.request import plan as plan_request


@pytest.fixture(scope="module")
def place(tmp_path_factory, slow_machine):
    """A folder with text in it, `text`, and a plan of a tiny model for bytes, `plan.json`."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "text").mkdir()
    generator = np.random.default_rng(0)
    words = ["".join(generator.choice(list("abcdefgh"), size=4)) for _ in range(40)]
    for number in range(40):
        lines = [" ".join(generator.choice(words, size=8)) + ".\n" for _ in range(40)]
        (folder / "text" / f"{number:02}.txt").write_text("".join(lines))
    # Beyond the hour of the forecast the hard stop would end it: this machine is not that one.
    plan_request("published:chinchilla", slow_machine, flops=6e10, hours=1, vocabulary=257, context=32).save(
        folder / "plan.json"
    )
    return folder


def train(place, *options):
    command = [sys.executable, "-m", "scalewright", "train", "plan.json", "--data", "data", "--json", *options]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=300)


def prepare(place, call):
    code, out, _ = call("prepare", place / "text", "--out", place / "data", "--tokenizer", "bytes", "--json")
    assert code == 0
    return json.loads(out)


def test_text_is_prepared_trained_on_and_scored(place, call):
    made = prepare(place, call)
    assert made["vocab"] == 257
    assert made["shards"] == 3
    assert made["bytes_per_token"] == pytest.approx(1, abs=0.01)
    plan = MachinePlan.load(place / "plan.json")
    answered = train(place, "--out", "run")
    assert answered.returncode == 0, answered.stderr
    found = json.loads(answered.stdout)
    assert {"run", "loss", "tokens_per_second", "mfu", "peak_memory"} <= found.keys()
    # Letters alone, without their order, are worth 2.1 nats.
    assert found["loss"] < 2.6
    assert found["test_loss"] == pytest.approx(found["loss"], rel=0.05)
    with Ledger.open(place / "run" / "ledger.db") as ledger:
        (run,) = ledger.runs()
        forecasts = {forecast.quantity: forecast for forecast in ledger.forecasts(plan.hash)}
    assert (run.id, run.params) == (found["run"], plan.choice.params)
    assert forecasts["loss"].measured == found["loss"]
    assert forecasts["seconds"].measured == found["seconds"]
    assert forecasts["loss"].made_at < run.created_at
    again = train(place, "--out", "run")
    assert json.loads(again.stdout) == found


@pytest.mark.slow
def test_processes_of_torchrun_train_together(place, call):
    prepare(place, call)
    alone = json.loads(train(place, "--out", "one").stdout)
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "scalewright",
    ]
    asked = [*command, "train", "plan.json", "--data", "data", "--out", "two", "--json"]
    answered = subprocess.run(asked, cwd=place, capture_output=True, text=True, timeout=300)
    assert answered.returncode == 0, answered.stderr
    together = json.loads(answered.stdout)
    # Their sums come in another order, which some thousand hot steps make the most of.
    assert together["loss"] == pytest.approx(alone["loss"], rel=0.05)
    assert together["test_loss"] == pytest.approx(alone["test_loss"], rel=0.05)
    assert "started as 2 processes: 2 replicas" in answered.stderr


def test_a_device_that_is_none(place, refusal):
    asked = "train", place / "plan.json", "--data", place / "data", "--device"
    assert "--device: found 'gpu', expected one of auto, cpu, cuda" in refusal(*asked, "gpu")
    if not torch.cuda.is_available():
        assert "--device cuda: torch" in refusal(*asked, "cuda")


def test_data_of_another_vocabulary_are_refused(place, call):
    code, _, _ = call("prepare", place / "text", "--out", place / "other", "--tokenizer", "bpe:300")
    assert code == 0
    code, out, error = call("train", place / "plan.json", "--data", place / "other", "--out", place / "refused")
    assert (code, out) == (2, "")
    assert "a vocabulary of 300, the plan's is 257: plan with --vocabulary 300" in error
    assert not (place / "refused").exists()


@pytest.mark.parametrize(
    ("layout", "processes", "expected"),
    [
        ({"devices": 8, "data": 8}, 4, {"data": 4, "accumulation": 2}),
        ({"devices": 8, "data": 4, "tensor": 2}, 4, {"data": 2, "accumulation": 4}),
        ({"devices": 8, "data": 8, "sharding": "all", "shards": 4}, 2, {"data": 2, "shards": 2, "accumulation": 4}),
        ({"devices": 2, "data": 2}, 2, {"data": 2, "accumulation": 1}),
    ],
)
def test_fewer_processes_make_fewer_replicas_of_the_same_batch(layout, processes, expected):
    from scalewright.pipeline.processes import fitted

    planned = Layout.alone().model_copy(update=layout)
    found = fitted(planned, processes, 8)
    assert {name: getattr(found, name) for name in expected} == expected
    assert found.devices == found.data * found.tensor * found.pipeline


def test_processes_that_make_no_whole_replicas_are_refused():
    from scalewright.errors import InputError
    from scalewright.pipeline.processes import fitted

    planned = Layout.alone().model_copy(update={"devices": 8, "data": 4, "tensor": 2})
    with pytest.raises(InputError, match="a multiple of 2"):
        fitted(planned, 3, 8)
