"""Optimisers of a recipe against torch's own, stepped side by side."""

import pytest
import torch
from torch import nn
from torch.optim._muon import _zeropower_via_newtonschulz

from scalewright.errors import InputError
from scalewright.models.parametrisation import Role, parameter_groups
from scalewright.planning import Recipe
from scalewright.tasks import task_named
from scalewright.training import Trainer, optimisers, train
from scalewright.training.clipping import clip
from scalewright.training.mesh import Mesh
from scalewright.training.optimisers import optimiser_of, orthogonalised

from ..kills import KillAt, KilledError

LANGUAGE = task_named("language")
OPTIMISERS = pytest.mark.parametrize("optimiser", ["adamw", "muon", "sgd"])
ROLES = {
    "0.weight": Role(1.0, spreading=2.0),
    "1.weight": Role(1.0, widening=2.0, spreading=2.0, hidden=True),
    "1.bias": Role(0.0, decays=False, spreading=2.0),
    "2.weight": Role(0.0, widening=2.0),
}


def small_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8, bias=False), nn.Linear(8, 8), nn.Linear(8, 3, bias=False))


def recipe_of(**changes):
    settings = {"learning_rate": 0.02, "base_width": 4, "base_depth": 1, "batch_size": 4, "warmup_steps": 1}
    return Recipe(**(settings | {"weight_decay": 0.1} | changes))


def walk(model, movers, steps=5):
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        model(torch.randn(6, 5, generator=generator)).square().mean().backward()
        for mover in movers:
            mover.step()
        for mover in movers:
            mover.zero_grad()
    return [weight.detach().clone() for weight in model.parameters()]


def test_adamw_is_torchs():
    recipe, ours, theirs = recipe_of(), small_model(), small_model()
    expected = torch.optim.AdamW(
        [
            {"params": [theirs[0].weight], "lr": 0.02, "weight_decay": 0.1},
            {"params": [theirs[1].weight, theirs[2].weight], "lr": 0.01, "weight_decay": 0.2},
            {"params": [theirs[1].bias], "lr": 0.02, "weight_decay": 0.0},
        ],
        betas=(0.9, 0.95),
        eps=1e-10,
        fused=True,
    )
    for one, other in zip(
        walk(ours, [optimiser_of(ours.named_parameters(), ROLES, recipe)]), walk(theirs, [expected]), strict=True
    ):
        assert torch.equal(one, other)


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.95, True), (0.9, False), (0.0, False)])
def test_sgd_is_torchs(momentum, nesterov):
    recipe, ours, theirs = (
        recipe_of(optimiser="sgd", momentum=momentum, nesterov=nesterov),
        small_model(),
        small_model(),
    )
    # n for what enters, 1 for hidden matrices, 1/n for what leaves; rate times decay is the same.
    expected = torch.optim.SGD(
        [
            {"params": [theirs[0].weight], "lr": 0.04, "weight_decay": 0.05},
            {"params": [theirs[1].weight], "lr": 0.02, "weight_decay": 0.1},
            {"params": [theirs[1].bias], "lr": 0.04, "weight_decay": 0.0},
            {"params": [theirs[2].weight], "lr": 0.01, "weight_decay": 0.2},
        ],
        momentum=momentum,
        nesterov=nesterov,
    )
    for one, other in zip(
        walk(ours, [optimiser_of(ours.named_parameters(), ROLES, recipe)]), walk(theirs, [expected]), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_muon_moves_hidden_matrices_and_adamw_the_rest(monkeypatch):
    # torch's rounds to bf16 on every device.
    monkeypatch.setattr(optimisers, "orthogonalised", _zeropower_via_newtonschulz)
    recipe, ours, theirs = recipe_of(optimiser="muon", momentum=0.9), small_model(), small_model()
    # Both sides twice the base: 1/√2 of the rate, and its decay by as much stronger.
    muon = torch.optim.Muon(
        [theirs[1].weight], lr=0.02 / 2**0.5, weight_decay=0.1 * 2**0.5, momentum=0.9, adjust_lr_fn="match_rms_adamw"
    )
    adamw = torch.optim.AdamW(
        [
            {"params": [theirs[0].weight], "lr": 0.02, "weight_decay": 0.1},
            {"params": [theirs[1].bias], "lr": 0.02, "weight_decay": 0.0},
            {"params": [theirs[2].weight], "lr": 0.01, "weight_decay": 0.2},
        ],
        betas=(0.9, 0.95),
        eps=1e-10,
    )
    for one, other in zip(
        walk(ours, [optimiser_of(ours.named_parameters(), ROLES, recipe)]), walk(theirs, [muon, adamw]), strict=True
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("size", [(16, 16), (48, 16), (16, 48)])
def test_it_orthogonalises(size):
    torch.manual_seed(0)
    x = torch.randn(size)
    found = orthogonalised(x, (3.4445, -4.7750, 2.0315), 5, 1e-7)
    u, _, v = torch.linalg.svd(x, full_matrices=False)
    inside = u.T @ found @ v.T
    # The singular vectors are those of x; the values are 0.7 to 1.2, or smaller where they began near 0.
    torch.testing.assert_close(inside, inside.diagonal().diag(), rtol=0, atol=1e-4)
    assert inside.diagonal().min() > 0
    assert inside.diagonal().max() < 1.25
    assert inside.diagonal().median() > 0.65
    # In bf16 it is torch's.
    expected = _zeropower_via_newtonschulz(x, (3.4445, -4.7750, 2.0315), 5, 1e-7)
    assert torch.equal(orthogonalised(x.bfloat16(), (3.4445, -4.7750, 2.0315), 5, 1e-7), expected)


def test_muon_needs_a_hidden_matrix():
    model = nn.Linear(2, 2, bias=False)
    with pytest.raises(InputError, match="expected at least one: train this model with adamw"):
        optimiser_of(model.named_parameters(), {"weight": Role(1.0)}, recipe_of(optimiser="muon"))


@OPTIMISERS
def test_it_goes_on_from_a_checkpoint(tmp_path, optimiser):
    recipe, model, again = recipe_of(optimiser=optimiser), small_model(), small_model()
    one, other = (optimiser_of(each.named_parameters(), ROLES, recipe) for each in (model, again))
    walk(model, [one], steps=3)
    torch.save({"model": model.state_dict(), "optimiser": one.state_dict()}, tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    again.load_state_dict(state["model"])
    other.load_state_dict(state["optimiser"])
    assert [group["peak"] for group in other.param_groups] == [group["peak"] for group in one.param_groups]
    for before, after in zip(walk(model, [one]), walk(again, [other]), strict=True):
        assert torch.equal(before, after)


@OPTIMISERS
def test_rate_times_decay_is_the_same_in_all_groups(optimiser):
    groups = parameter_groups(small_model().named_parameters(), ROLES, recipe_of(optimiser=optimiser))
    products = {round(group["peak"] * group["weight_decay"], 12) for group in groups}
    assert products == {0.0, 0.002}


@OPTIMISERS
def test_clipping_scales_all_gradients_together(optimiser):
    recipe, model = recipe_of(optimiser=optimiser, clip=0.01), small_model()
    mover = optimiser_of(model.named_parameters(), ROLES, recipe)
    model(torch.ones(6, 5)).square().mean().backward()
    before = [weight.grad.clone() for weight in model.parameters()]
    norm = clip(model.parameters(), mover, recipe, Mesh("cpu"))
    # 2, 1, 2 and 1/2 are the rates of SGD over η.
    times = (2, 1, 2, 0.5) if optimiser == "sgd" else (1, 1, 1, 1)
    expected = sum(t * g.square().sum() for t, g in zip(times, before, strict=True)) ** 0.5
    torch.testing.assert_close(norm, expected)
    for weight, gradient in zip(model.parameters(), before, strict=True):
        torch.testing.assert_close(weight.grad, gradient * 0.01 / expected, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize(("optimiser", "rate"), [("muon", 0.02), ("sgd", 0.3)])
def test_a_run_learns_and_resumes_bit_for_bit(trunk, dataset, tmp_path, optimiser, rate):
    asked = trunk((8, 40), recipe={"optimiser": optimiser, "learning_rate": rate})
    calm = [one.loss for one in train(asked, LANGUAGE, dataset, tmp_path / "calm")]
    # Letters alone, without their order, are worth 2.1 nats, guessing among 257 tokens 5.5.
    assert calm[1] < 2.9
    with pytest.raises(KilledError):
        list(train(asked, LANGUAGE, dataset, tmp_path / "cut", checkpoint_seconds=0, progress=KillAt(6)))
    assert [one.loss for one in train(asked, LANGUAGE, dataset, tmp_path / "cut")] == calm


@OPTIMISERS
def test_an_overflow_of_fp16_leaves_the_step_out(trunk, dataset, optimiser):
    asked = trunk((10,), precision="fp16", recipe={"optimiser": optimiser})
    trainer = Trainer(asked, LANGUAGE, dataset, "cpu")
    trainer.advance(asked.schedule(10))
    before = {name: value.clone() for name, value in trainer.weights.items()}
    hook = trainer.placement.parts[0].lm_head.weight.register_hook(lambda gradient: gradient * float("inf"))
    trainer.advance(asked.schedule(10))
    hook.remove()
    assert all(torch.equal(before[name], value) for name, value in trainer.weights.items())
    trainer.advance(asked.schedule(10))
    assert not torch.equal(before["lm_head.weight"], trainer.placement.parts[0].lm_head.weight)
