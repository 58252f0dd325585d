"""What a recipe adds to training: nothing of it is in what is evaluated."""

import pytest
import torch
from torch.nn import functional as F

from scalewright.architectures import LlamaShape, VGGFamily
from scalewright.models import Llama
from scalewright.planning.recipe import Objective
from scalewright.tasks import task_named, trainable_named
from scalewright.training import Trainer, train

from ..kills import KillAt, KilledError

LANGUAGE, IMAGES = task_named("language"), trainable_named("images")
SHAPE = LlamaShape(vocabulary=31, context=8, depth=2, width=32, head_size=16, hidden=64)


def test_the_evaluated_loss_is_plain(trunk, dataset):
    trainers = [
        Trainer(trunk((20,), recipe=changes), LANGUAGE, dataset, "cpu")
        for changes in ({}, {"label_smoothing": 0.1, "z_loss": 1e-2, "dropout": 0.3})
    ]
    for trainer in trainers:
        for _ in range(4):
            trainer.advance(trainer.trunk.schedule(20))
    plain, other = trainers
    other.placement.parts[0].load_state_dict(plain.weights)
    assert other.score("validation") == plain.score("validation")
    assert other.placement.parts[0].training
    # What is trained is not plain.
    rates = [trainer.advance(trainer.trunk.schedule(20)) for trainer in trainers]
    assert rates[0] != rates[1]


def test_tasks_add_what_the_objective_says():
    torch.manual_seed(0)
    objective = Objective(label_smoothing=0.2, z_loss=0.01)
    llama, rows = Llama(SHAPE), torch.randint(31, (3, 9))
    pictures, labels = torch.randint(256, (2, 32, 32, 3), dtype=torch.uint8), torch.tensor([0, 2])
    vgg = IMAGES.build(VGGFamily(classes=4, pixels=32, pooled=1).shape(4), dropout=0.0)
    seen = []
    vgg.register_forward_hook(lambda module, inputs, output: seen.append(output))
    losses = [
        task.objective(model(task.inputs(batch)), batch, objective)
        for task, model, batch in ((LANGUAGE, llama, (rows,)), (IMAGES, vgg, (pictures, labels)))
    ]
    logits = llama(rows[:, :-1]).flatten(0, 1), seen[0]
    for loss, each, targets in zip(losses, logits, (rows[:, 1:].flatten(), labels), strict=True):
        expected = F.cross_entropy(each, targets, label_smoothing=0.2) + 0.01 * each.logsumexp(-1).square().mean()
        torch.testing.assert_close(loss, expected)


def test_dropout_leaves_out_a_share_of_each_branch():
    torch.manual_seed(0)
    model = Llama(SHAPE, dropout=0.25)
    x, cos, sin = torch.randn(64, 8, 32), model.cos_TK, model.sin_TK
    block = model.layers[0]
    torch.nn.init.zeros_(block.mlp.down_proj.weight)
    added = block(x, cos, sin) - x
    whole = block.eval()(x, cos, sin) - x
    kept = added != 0
    assert 1 - kept.float().mean().item() == pytest.approx(0.25, abs=0.02)
    # What is left is scaled up, so that the mean stays.
    torch.testing.assert_close(added[kept], whole[kept] / 0.75, rtol=1e-3, atol=1e-4)


def test_a_model_without_dropout_is_the_same_bit_for_bit_and_draws_nothing():
    rows = torch.randint(31, (3, 8))
    models = [Llama(SHAPE), Llama(SHAPE, dropout=0.5).eval()]
    models[1].load_state_dict(models[0].state_dict())
    before = torch.get_rng_state()
    outputs = [model(rows) for model in models]
    assert torch.equal(*outputs)
    assert torch.equal(torch.get_rng_state(), before)


def test_each_architecture_has_its_own_dropout():
    shape = VGGFamily(classes=4, pixels=32, pooled=1).shape(4)
    shares = {
        dropout: [layer.p for layer in IMAGES.build(shape, dropout).classifier if isinstance(layer, torch.nn.Dropout)]
        for dropout in (None, 0.0, 0.2)
    }
    assert shares == {None: [0.5, 0.5], 0.0: [0.0, 0.0], 0.2: [0.2, 0.2]}
    assert LANGUAGE.build(SHAPE).layers[0].dropout.p == 0
    assert LANGUAGE.build(SHAPE, 0.2).layers[1].dropout.p == 0.2


def test_killed_and_resumed_it_drops_the_same(trunk, dataset, tmp_path):
    asked = trunk((8, 20), recipe={"dropout": 0.2, "label_smoothing": 0.1, "z_loss": 1e-4})
    calm = [one.loss for one in train(asked, LANGUAGE, dataset, tmp_path / "calm")]
    with pytest.raises(KilledError):
        list(train(asked, LANGUAGE, dataset, tmp_path / "cut", checkpoint_seconds=0, progress=KillAt(6)))
    assert [one.loss for one in train(asked, LANGUAGE, dataset, tmp_path / "cut")] == calm
