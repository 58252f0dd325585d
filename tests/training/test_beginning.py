"""First weights without the whole model in memory: in one process here, on several in test_layouts."""

import pytest
import torch
from torch import nn

from scalewright.architectures import LlamaFamily, VGGFamily
from scalewright.models.parametrisation import initialise
from scalewright.planning import Recipe
from scalewright.tasks import trainable_named
from scalewright.training.beginning import begin, weightless

RECIPE = Recipe(learning_rate=0.01, base_width=32, base_depth=2, batch_size=4, warmup_steps=1)
SHAPES = {
    "language": LlamaFamily(vocabulary=257, context=32).shape(64),
    "images": VGGFamily(classes=4, pixels=32, pooled=1, batch_norm=True).shape(4),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_weightless_model_begins_as_one_that_was_built_whole(name):
    task, shape = trainable_named(name), SHAPES[name]
    whole = task.build(shape)
    initialise(whole, task.roles(whole, RECIPE), seed=3)
    with weightless():
        model = task.build(shape)
    assert {weight.device.type for weight in model.parameters()} == {"meta"}
    roles = task.roles(model, RECIPE)
    assert roles == task.roles(whole, RECIPE)
    begin(model, [model], roles, 3, "cpu")
    for kind in ("named_parameters", "named_buffers"):
        own, theirs = (dict(getattr(each, kind)()) for each in (model, whole))
        assert own.keys() == theirs.keys()
        assert all(torch.equal(own[key], theirs[key]) for key in theirs)


def test_parts_of_others_are_left_without_memory_and_change_nothing():
    task, shape = trainable_named("language"), SHAPES["language"]
    whole = task.build(shape)
    initialise(whole, task.roles(whole, RECIPE), seed=3)
    with weightless():
        model = task.build(shape)
    begin(model, [model.layers[2], model.lm_head], task.roles(model, RECIPE), 3, "cpu")
    held = {name for name, weight in model.named_parameters() if weight.device.type != "meta"}
    assert held == {name for name, _ in model.named_parameters() if name.startswith(("layers.2.", "lm_head."))}
    weights = dict(model.named_parameters())
    assert all(torch.equal(weights[name], dict(whole.named_parameters())[name]) for name in held)


def test_afterwards_modules_have_their_weights():
    with pytest.raises(ValueError, match="anything"), weightless():
        raise ValueError("anything")
    assert nn.Linear(2, 2).weight.device.type == "cpu"
