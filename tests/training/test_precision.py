"""Half precision: the same learning, and in fp16 a scale that overflows step down."""

import pytest
import torch

from scalewright.models import compute_in
from scalewright.tasks import task_named
from scalewright.training import Trainer
from scalewright.training.checkpoint import Checkpoints

LANGUAGE = task_named("language")


@pytest.mark.parametrize(("precision", "rounding"), [("bf16", 2**-8), ("fp16", 2**-11)])
def test_gradients_are_those_of_fp32(trunk, dataset, precision, rounding):
    asked = trunk((100,))
    trainer = Trainer(asked, LANGUAGE, dataset, "cpu")
    for _ in range(30):
        trainer.advance(asked.schedule(100))
    (model,) = trainer.placement.parts
    gradients = []
    for each in ("fp32", precision):
        with compute_in(each, "cpu"):
            batch = trainer.batch(30)
            loss = LANGUAGE.objective(model(LANGUAGE.inputs(batch)), batch)
        gradients.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, [*model.parameters()])]))
    # A few roundings one after the other.
    assert (gradients[1] - gradients[0]).norm() < 8 * rounding * gradients[0].norm()
    assert not torch.equal(*gradients)


def test_an_overflow_leaves_the_step_out_and_halves_the_scale(trunk, dataset):
    asked = trunk((10,), precision="fp16")
    trainer = Trainer(asked, LANGUAGE, dataset, "cpu")
    schedule = asked.schedule(10)
    trainer.advance(schedule)
    scale = trainer.scaler.get_scale()
    (model,) = trainer.placement.parts
    before = {name: value.clone() for name, value in model.state_dict().items()}
    # A gradient beyond what fp16 can hold, in the place of one of the model's.
    hook = model.lm_head.weight.register_hook(lambda gradient: gradient * float("inf"))
    trainer.advance(schedule)
    hook.remove()
    assert trainer.scaler.get_scale() == scale / 2
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    trainer.advance(schedule)
    assert not torch.equal(before["lm_head.weight"], model.lm_head.weight)
    assert trainer.scaler.get_scale() == scale / 2


def test_the_scale_is_kept_in_a_checkpoint(trunk, dataset, tmp_path):
    asked = trunk((10,), precision="fp16")
    one, other = (Trainer(asked, LANGUAGE, dataset, "cpu") for _ in range(2))
    one.advance(asked.schedule(10))
    one.scaler.update(128.0)
    store = Checkpoints(tmp_path, one.mesh)
    store.save(1, one.tensors(), one.facts())
    other.restore(store.newest())
    assert other.scaler.get_scale() == 128.0
