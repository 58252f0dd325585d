"""When replicas sum their gradients: with the last micro-batch, or with each where no device is to hold all of them."""

import pytest
import torch
from torch import nn

from scalewright.planning.machine_plan import Layout
from scalewright.training import placement
from scalewright.training.mesh import Mesh


class Heard(nn.Linear):
    """A model that writes down what it is told about its gradients, as FSDP2's would be."""

    def __init__(self):
        super().__init__(2, 1, bias=False)
        self.told = []

    def set_requires_gradient_sync(self, now):
        self.told.append([now, now])

    def set_requires_all_reduce(self, now):
        self.told[-1][1] = now


class Mean:
    """The mean of what a model puts out."""

    def inputs(self, batch):
        return batch[0]

    def objective(self, outputs, batch, beside):
        return outputs.mean()


@pytest.mark.parametrize(("sharding", "scatters"), [("all", [True, True, True]), ("optimiser", [False, False, True])])
def test_gradients_of_weights_that_are_sharded_in_full_are_shared_out_with_each(monkeypatch, sharding, scatters):
    monkeypatch.setattr(placement, "FSDPModule", Heard)
    model, recipe = (
        Heard(),
        placement.Recipe(learning_rate=0.1, base_width=2, base_depth=1, batch_size=3, warmup_steps=1),
    )
    layout = Layout.alone().model_copy(update={"sharding": sharding, "accumulation": 3})
    whole = placement.Whole(model, model, Mean(), Mesh("cpu"), recipe, layout, 1, compiled=False)
    whole.backward((torch.ones(3, 2), torch.ones(3)), lambda loss: loss)
    # Between groups of shards they are summed once.
    assert model.told == [[now, last] for now, last in zip(scatters, [False, False, True], strict=True)]
    torch.testing.assert_close(model.weight.grad, torch.ones(1, 2))
