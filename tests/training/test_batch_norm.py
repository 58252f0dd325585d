"""Batch norm over all replicas: torch's own on all their rows, and a training's losses those of one process."""

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from scalewright.architectures import VGGFamily
from scalewright.planning import Recipe
from scalewright.tasks import trainable_named
from scalewright.training import Trainer, Trunk
from scalewright.training.batch_norm import TogetherFunction

from ..stripes import striped_pictures

IMAGES = trainable_named("images")
STEPS, EDGE = 20, 32


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_two_shares_have_the_values_and_gradients_of_the_whole():
    # Channels far from zero: sums of squares would lose their digits.
    whole = (3 * drawn(6, 5, 4, 4) + 100 * torch.arange(5).view(1, 5, 1, 1)).double().requires_grad_()
    weights, norm = drawn(6, 5, 4, 4, seed=1).double(), nn.BatchNorm2d(5).double()
    with torch.no_grad():
        norm.weight.copy_(drawn(5, seed=2))
        norm.bias.copy_(drawn(5, seed=3))
    expected = norm(whole)
    (expected * weights).sum().backward()

    both, told = threading.Barrier(2), [None, None]

    def share(number):
        def summed(part):
            told[number] = part
            both.wait(10)
            total = told[0] + told[1]
            both.wait(10)
            return total

        own = whole.detach().float().tensor_split(2)[number].clone().requires_grad_()
        gain, bias = (each.detach().float().requires_grad_() for each in (norm.weight, norm.bias))
        out, mean, variance = TogetherFunction.apply(own, gain, bias, norm.eps, 2, summed)
        (out * weights.tensor_split(2)[number]).sum().backward()
        return out, own.grad, gain.grad, bias.grad, mean, variance

    with ThreadPoolExecutor(2) as threads:
        outputs, gradients, gains, biases, means, variances = zip(*threads.map(share, range(2)), strict=True)
    near = partial(torch.testing.assert_close, rtol=1e-4, atol=3e-5, check_dtype=False)
    near(torch.cat(outputs), expected)
    near(torch.cat(gradients), whole.grad)
    near(sum(gains), norm.weight.grad)
    near(sum(biases), norm.bias.grad)
    for mean, variance in zip(means, variances, strict=True):
        near(0.1 * mean, norm.running_mean)
        near(0.9 + 0.1 * variance * 96 / 95, norm.running_var)


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    return striped_pictures(tmp_path_factory.mktemp("stripes"), {"train": 48, "validation": 70, "test": 1}, EDGE)


@pytest.mark.parametrize("sharding", ["none", pytest.param("all", marks=pytest.mark.slow)])
def test_two_processes_have_the_losses_of_one(stripes, sharding):
    trunk = Trunk(
        task="images",
        shape=VGGFamily(classes=2, pixels=EDGE, pooled=1, batch_norm=True).shape(4),
        # Without dropout, which differs between replicas, and by SGD: AdamW makes whole steps of the gradients of biases before
        # a norm, which are rounding alone.
        recipe=Recipe(
            learning_rate=0.001,
            base_width=4,
            base_depth=1,
            batch_size=16,
            warmup_steps=2,
            optimiser="sgd",
            dropout=0.0,
        ),
        data_hash=stripes.hash,
        horizons=(STEPS,),
        seed=0,
        threads=1,
    )
    torch.set_num_threads(1)
    trainer = Trainer(trunk, IMAGES, stripes, "cpu")
    losses = [trainer.advance(trunk.schedule(STEPS)) for _ in range(STEPS)]
    layout = {"data": 2, "sharding": sharding, "shards": 1 if sharding == "none" else 2}
    asked = {"trunk": trunk.model_dump(mode="json"), "data": str(stripes.folder), "layout": layout, "steps": STEPS}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = str(Path(__file__).with_name("laid_out.py"))
    answer = subprocess.run([*command, script, json.dumps(asked)], capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, answer.stderr[-4000:]
    found = json.loads(answer.stdout.strip().splitlines()[-1])
    assert min(losses) < 0.9 * losses[0]
    assert found["losses"] == pytest.approx(losses, rel=1e-5)
    assert found["validation"] == pytest.approx(trainer.score("validation").loss, rel=1e-5)
