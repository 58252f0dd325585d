"""Every layout gives the losses of one process, reads its checkpoints, and writes ones that it reads."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from scalewright.architectures import LlamaFamily
from scalewright.errors import InputError
from scalewright.planning import Recipe
from scalewright.planning.machine_plan import Layout
from scalewright.tasks import task_named
from scalewright.training import Trainer, Trunk
from scalewright.training.checkpoint import Checkpoints, read_tensors
from scalewright.training.mesh import Mesh

LANGUAGE = task_named("language")
STEPS, HALF = 20, 10

QUICK = {"replicas": {"data": 2}}
SLOW = {
    "tensor": {"tensor": 2},
    "sharded": {"data": 2, "sharding": "all", "shards": 2},
    "optimiser sharded": {"data": 2, "sharding": "optimiser", "shards": 2},
    "sharded, computed again": {"data": 2, "sharding": "all", "shards": 2, "accumulation": 2, "recompute": "all"},
    "scores computed again": {"data": 2, "recompute": "attention"},
    "replicas of shards": {"data": 4, "sharding": "all", "shards": 2, "accumulation": 2},
    "pipeline": {"pipeline": 2, "accumulation": 4},
    "pipeline, interleaved": {"pipeline": 2, "accumulation": 4, "stages": 2},
    "data x tensor": {"data": 2, "tensor": 2},
    "shards x tensor": {"data": 2, "tensor": 2, "sharding": "all", "shards": 2},
    "data x pipeline": {"data": 2, "pipeline": 2, "accumulation": 2},
    "shards x pipeline": {"data": 2, "pipeline": 2, "accumulation": 2, "sharding": "all", "shards": 2},
    "tensor x pipeline": {"tensor": 2, "pipeline": 2, "accumulation": 2},
}
CASES = [*QUICK.items(), *(pytest.param(*case, marks=pytest.mark.slow) for case in SLOW.items())]


@pytest.fixture(scope="module")
def one_process(dataset, tmp_path_factory):
    """Losses of a trunk in one process, its checkpoint half way, its tensors at the end, and its validation loss."""
    folder = tmp_path_factory.mktemp("one")
    trainer = Trainer(wide(dataset), LANGUAGE, dataset, "cpu")
    schedule = trainer.trunk.schedule(STEPS)
    store = Checkpoints(folder, Mesh("cpu"))
    losses = []
    for step in range(STEPS):
        if step == HALF:
            store.save(step, trainer.tensors(), trainer.facts())
        losses.append(trainer.advance(schedule))
    store.wait()
    ends = {name: tensor.clone() for name, tensor in trainer.tensors().items()}
    return folder, losses, ends, trainer.score("validation").loss


def wide(dataset, precision="fp32"):
    shape = LlamaFamily(vocabulary=dataset.manifest.vocabulary, context=32).shape(64).model_copy(update={"depth": 4})
    recipe = Recipe(learning_rate=0.01, base_width=32, base_depth=2, batch_size=8, warmup_steps=3, precision=precision)
    return Trunk(
        task="language", shape=shape, recipe=recipe, data_hash=dataset.hash, seed=0, horizons=(STEPS,), threads=1
    )


def laid_out(dataset, degrees, restarts=0, trunk=None, **asked):
    count = degrees.get("data", 1) * degrees.get("tensor", 1) * degrees.get("pipeline", 1)
    asked |= {
        "trunk": (trunk or wide(dataset)).model_dump(mode="json"),
        "data": str(dataset.folder),
        "layout": degrees,
    }
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    command.append(f"--max-restarts={restarts}")
    script = str(Path(__file__).with_name("laid_out.py"))
    answer = subprocess.run([*command, script, json.dumps(asked)], capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, answer.stderr[-4000:]
    return json.loads(answer.stdout.strip().splitlines()[-1])


def largest_difference(found, expected):
    return max(abs(one / other - 1) for one, other in zip(found, expected, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("degrees", [QUICK["replicas"], SLOW["sharded"], SLOW["pipeline"]])
def test_simulated_formats_round_the_same_however_laid_out(dataset, degrees):
    trunk = wide(dataset, "simulated-int8")
    trainer = Trainer(trunk, LANGUAGE, dataset, "cpu")
    losses = [trainer.advance(trunk.schedule(STEPS)) for _ in range(HALF)]
    found = laid_out(dataset, degrees, steps=HALF, trunk=trunk)
    # Sums in another order round a number here and there to its other neighbour.
    assert found["losses"] == pytest.approx(losses, rel=1e-3)
    assert found["validation"] == pytest.approx(trainer.score("validation").loss, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tensor", "sharded", "pipeline"])
def test_queries_that_share_keys_are_laid_out_as_others(dataset, name):
    trunk = wide(dataset)
    trunk = trunk.model_copy(update={"shape": trunk.shape.model_copy(update={"queries_per_key": 2})})
    trainer = Trainer(trunk, LANGUAGE, dataset, "cpu")
    losses = [trainer.advance(trunk.schedule(STEPS)) for _ in range(HALF)]
    assert laid_out(dataset, SLOW[name], steps=HALF, trunk=trunk)["losses"] == pytest.approx(losses, rel=1e-5)


def test_heads_of_keys_are_not_cut(dataset):
    trunk = wide(dataset)
    trunk = trunk.model_copy(update={"shape": trunk.shape.model_copy(update={"queries_per_key": 4})})
    asked = {"trunk": trunk.model_dump(mode="json"), "data": str(dataset.folder), "layout": SLOW["tensor"], "steps": 1}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = str(Path(__file__).with_name("laid_out.py"))
    answer = subprocess.run([*command, script, json.dumps(asked)], capture_output=True, text=True, timeout=300)
    assert "tensor parallel 2: 1 heads of keys are not a multiple of it" in answer.stderr


@pytest.mark.parametrize(("name", "degrees"), CASES)
def test_losses_and_checkpoints_are_those_of_one_process(
    one_process, dataset, tmp_path, name, degrees, record_property
):
    folder, losses, ends, validation = one_process
    whole = laid_out(dataset, degrees, steps=STEPS)
    record_property("largest relative difference of a loss", largest_difference(whole["losses"], losses))
    assert whole["losses"] == pytest.approx(losses, rel=1e-5)
    assert whole["validation"] == pytest.approx(validation, rel=1e-5)
    resumed = laid_out(dataset, degrees, steps=STEPS - HALF, load=str(folder), save=str(tmp_path / "theirs"))
    record_property("largest one after a change of layout", largest_difference(resumed["losses"], losses[HALF:]))
    assert resumed["losses"] == pytest.approx(losses[HALF:], rel=1e-5)
    theirs = read_tensors(tmp_path / "theirs")
    assert theirs.keys() == ends.keys()
    for tensor, value in ends.items():
        torch.testing.assert_close(theirs[tensor].view(value.shape), value, rtol=1e-3, atol=1e-5)
    # And one process goes on from there as from its own.
    trainer = Trainer(wide(dataset), LANGUAGE, dataset, "cpu")
    trainer.restore(Checkpoints(tmp_path / "theirs", Mesh("cpu")).newest())
    assert trainer.step == STEPS
    assert trainer.score("validation").loss == pytest.approx(validation, rel=1e-5)


@pytest.mark.parametrize(("name", "degrees"), CASES)
def test_it_begins_with_the_weights_of_one_process_and_scores_them_alike(one_process, dataset, tmp_path, name, degrees):
    alone = Trainer(wide(dataset), LANGUAGE, dataset, "cpu")
    laid_out(dataset, degrees, steps=0, save=str(tmp_path / "theirs"))
    theirs, own = read_tensors(tmp_path / "theirs"), alone.tensors()
    assert theirs.keys() == own.keys()
    assert all(torch.equal(theirs[tensor].view(value.shape), value) for tensor, value in own.items())
    # A trained model's held-out loss, shared among replicas: the same sums, unless products are cut.
    folder = one_process[0]
    alone.restore(Checkpoints(folder, Mesh("cpu")).newest())
    scored = laid_out(dataset, degrees, steps=0, load=str(folder))["validation"]
    exact = not {"tensor", "pipeline"} & degrees.keys()
    assert scored == pytest.approx(alone.score("validation").loss, rel=1e-12 if exact else 1e-6)


@pytest.mark.parametrize(
    "name",
    ["sharded", pytest.param("tensor", marks=pytest.mark.slow), pytest.param("pipeline", marks=pytest.mark.slow)],
)
def test_no_process_ever_holds_more_than_its_own_part_and_one_weight(dataset, name):
    trunk = wide(dataset)
    shape = trunk.shape.model_copy(update={"depth": 16, "width": 384, "hidden": 1024, "head_size": 64})
    trunk = trunk.model_copy(update={"shape": shape})
    own, one_weight, beside = 4 * shape.params_total / 2, 4 * 384 * 1024, 8e6
    assert (
        laid_out(dataset, SLOW[name], trunk=trunk, weigh=True)["bytes"]
        < own + one_weight + beside
        < 4 * shape.params_total
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["replicas", "sharded", "tensor", "pipeline", "shards x tensor"])
def test_layers_are_compiled_in_every_layout(one_process, dataset, name):
    _, losses, _, validation = one_process
    found = laid_out(
        dataset, (QUICK | SLOW)[name], steps=STEPS, trunk=wide(dataset).model_copy(update={"compiled": True})
    )
    # Their sums come in another order.
    assert found["losses"] == pytest.approx(losses, rel=1e-4)
    assert found["validation"] == pytest.approx(validation, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["replicas", "sharded", "tensor", "pipeline"])
def test_processes_are_tuned_together_and_to_the_same(dataset, name):
    trunk = wide(dataset)
    trunk = trunk.model_copy(update={"shape": trunk.shape.model_copy(update={"context": 64})})
    first, second = laid_out(dataset, (QUICK | SLOW)[name], trunk=trunk, tune=True)["ways"]
    assert first == second
    # As asked, in blocks, fused, and with freed memory given back.
    assert len(first[1]) == 4


def test_as_many_processes_as_planned_are_expected(dataset):
    with pytest.raises(InputError, match="2 devices planned, 1 processes started"):
        Trainer(wide(dataset), LANGUAGE, dataset, "cpu", Layout.alone().model_copy(update={"devices": 2, "data": 2}))


def test_sequences_are_not_divided(dataset):
    layout = Layout.alone().model_copy(update={"context": 2})
    with pytest.raises(InputError, match=r"context 2: .* CUDA's fused attention alone.* expected context 1"):
        Trainer(wide(dataset), LANGUAGE, dataset, "cpu", layout)


@pytest.mark.parametrize("pieces", [2, 3, 8])
def test_micro_batches_have_the_gradients_of_the_whole(one_process, dataset, pieces):
    _, losses, _, _ = one_process
    layout = Layout.alone().model_copy(update={"accumulation": pieces})
    trainer = Trainer(wide(dataset), LANGUAGE, dataset, "cpu", layout)
    schedule = trainer.trunk.schedule(STEPS)
    assert [trainer.advance(schedule) for _ in range(5)] == pytest.approx(losses[:5], rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("degrees", [QUICK["replicas"], SLOW["sharded"]])
def test_a_lost_process_is_replaced_and_training_goes_on(one_process, dataset, tmp_path, degrees):
    # torchrun ends the others and starts all of them again.
    _, _, _, validation = one_process
    lost = laid_out(dataset, degrees, restarts=1, train=str(tmp_path), kill=HALF)
    assert (tmp_path / "killed").exists()
    assert lost["losses"] == pytest.approx([validation], rel=1e-5)


@pytest.mark.slow
def test_a_lost_node_is_not_waited_for(one_process, dataset, tmp_path):
    """Two nodes, of which one is gone in the middle with all that ran on it: the other goes on alone, with the same batch."""
    _, _, _, validation = one_process
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    asked = {
        "trunk": wide(dataset).model_dump(mode="json"),
        "data": str(dataset.folder),
        "layout": "replicas",
        "train": str(tmp_path),
        "kill": HALF,
        "patience": 120,
    }
    script = str(Path(__file__).with_name("laid_out.py"))
    start = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nnodes",
        "1:2",
        "--nproc-per-node",
        "1",
        "--max-restarts",
        "3",
    ]
    start += ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"localhost:{port}", "--rdzv-id", "lost"]
    start += ["--rdzv-conf", "last_call_timeout=4"]
    nodes = []
    for variables in ({}, {"LOST": "1"}):
        nodes.append(
            subprocess.Popen(
                [*start, script, json.dumps(asked)],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | variables,
            )
        )  # fmt: skip
        time.sleep(2)  # the first is where they meet
    stays, lost = nodes
    try:
        out, error = stays.communicate(timeout=240)
    finally:
        stays.kill()
        lost.kill()
        lost.communicate()
    assert stays.returncode == 0, error[-4000:]
    assert "Timeout (" not in error, error
    assert (tmp_path / "killed").exists()
    assert lost.returncode == -signal.SIGKILL
    assert json.loads(out.strip().splitlines()[-1])["losses"] == pytest.approx([validation], rel=1e-5)
