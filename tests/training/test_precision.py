"""Half precision: the same learning, and in fp16 a scale that overflows step down. Formats that are simulated."""

import pytest
import torch

from scalewright.errors import InputError
from scalewright.models import compute_in
from scalewright.models.low_bit import FORMATS, rounded_rows
from scalewright.planning.machine_plan import Layout
from scalewright.tasks import evaluate, task_named
from scalewright.training import Trainer, train
from scalewright.training.checkpoint import Checkpoints, read_tensors
from scalewright.training.mesh import Mesh
from scalewright.training.placement import place

from ..kills import KillAt, KilledError

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


@pytest.mark.parametrize("name", FORMATS)
def test_simulated_formats_learn_and_leave_weights_by_their_names(trunk, dataset, tmp_path, name):
    asked = trunk((60,), precision=name)
    (measured,) = train(asked, LANGUAGE, dataset, tmp_path / "low")
    (plain,) = train(trunk((60,)), LANGUAGE, dataset, tmp_path / "plain")
    assert measured.loss != plain.loss
    assert measured.loss < plain.curve[0][1] - 1
    kept, other = (read_tensors(tmp_path / each / "weights") for each in ("low", "plain"))
    assert kept.keys() == other.keys()
    # The weights that the optimiser moves are not the rounded ones.
    weight = kept["layers.0.mlp.up_proj.weight"]
    assert not torch.allclose(rounded_rows(weight, FORMATS[name]), weight, rtol=1e-4)
    # What is evaluated is what was trained.
    model = LANGUAGE.build(asked.shape)
    model.load_state_dict(kept, strict=False)
    assert evaluate(LANGUAGE, model, dataset, "validation", name).loss == measured.loss


def test_a_simulated_run_is_killed_resumed_and_branched_as_any_other(trunk, dataset, tmp_path):
    asked = trunk(precision="simulated-int4")
    calm = [one.loss for one in train(asked, LANGUAGE, dataset, tmp_path / "calm")]
    with pytest.raises(KilledError):
        list(train(asked, LANGUAGE, dataset, tmp_path / "cut", checkpoint_seconds=0, progress=KillAt(11)))
    assert [one.loss for one in train(asked, LANGUAGE, dataset, tmp_path / "cut", checkpoint_seconds=0)] == calm


def test_micro_batches_round_the_same(trunk, dataset):
    asked = trunk((10,), precision="simulated-fp8-e4m3")
    cut = Layout.alone().model_copy(update={"accumulation": 4})
    losses = []
    for layout in (None, cut):
        trainer = Trainer(asked, LANGUAGE, dataset, "cpu", layout)
        losses.append([trainer.advance(asked.schedule(10)) for _ in range(3)])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_rows_that_tensor_parallel_would_cut_are_not_simulated(trunk):
    asked = trunk((10,), precision="simulated-int8")
    layout = Layout.alone().model_copy(update={"tensor": 2, "devices": 2})
    model = LANGUAGE.build(asked.shape)
    with pytest.raises(InputError, match="lay it out over data"):
        place(model, LANGUAGE, Mesh("cpu"), layout, asked, rows=4, begin=lambda parts: None)
