"""Products of rounded numbers, gradients straight through, and a model otherwise as it was."""

import pytest
import torch
from torch import nn

from scalewright.architectures import LlamaShape
from scalewright.errors import InputError
from scalewright.models import Llama, compute_in, simulate, simulated
from scalewright.models.low_bit import FORMATS, rounded_rows
from scalewright.models.simulated import SimulatedLinear

SHAPE = LlamaShape(vocabulary=61, context=8, depth=2, width=32, head_size=16, hidden=48)


def drawn(seed=0):
    torch.manual_seed(seed)
    return Llama(SHAPE)


@pytest.mark.parametrize("name", FORMATS)
def test_products_and_gradients_by_hand(name):
    form, generator = FORMATS[name], torch.Generator().manual_seed(1)
    x, above = (torch.randn(5, 6, size, generator=generator) for size in (24, 10))
    linear = nn.Linear(24, 10, bias=False)
    x.requires_grad_()
    y = SimulatedLinear(linear, form)(x)
    q, w = rounded_rows(x.detach(), form), rounded_rows(linear.weight.detach(), form)
    assert torch.allclose(y, q @ w.T, atol=1e-5)
    dx, dw = torch.autograd.grad(y, (x, linear.weight), above)
    assert torch.allclose(dx, above @ w, atol=1e-5)
    assert torch.allclose(dw, above.flatten(0, 1).T @ q.flatten(0, 1), atol=1e-4)


def test_what_is_rounded_and_what_is_not():
    model, plain = drawn(), drawn()
    weights = [id(parameter) for parameter in model.parameters()]
    simulate(model, "simulated-int4")
    assert list(model.state_dict()) == list(plain.state_dict())
    assert [id(parameter) for parameter in model.parameters()] == weights
    rounded = {name for name, module in model.named_modules() if isinstance(module, SimulatedLinear)}
    of_layer = [f"self_attn.{each}_proj" for each in "qkvo"] + [f"mlp.{each}_proj" for each in ("gate", "up", "down")]
    assert rounded == {f"layers.{layer}.{name}" for layer in range(SHAPE.depth) for name in of_layer}
    assert type(model.lm_head) is nn.Linear
    # Nothing to be done twice.
    assert simulate(model, "simulated-int4") == []


def test_finer_formats_are_nearer_to_fp32():
    model, tokens = drawn(), torch.randint(61, (3, 8), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        whole = model(tokens)
        off = {}
        for name in FORMATS:
            with simulated(model, name), compute_in(name, "cpu"):
                off[name] = float((model(tokens) - whole).norm() / whole.norm())
            assert torch.equal(model(tokens), whole)
    assert 0 < off["simulated-int8"] < off["simulated-fp8-e4m3"] < off["simulated-fp4-e2m1"]
    assert off["simulated-int8"] < 0.1 * off["simulated-int4"]


def test_other_precisions_change_nothing():
    model = drawn()
    for precision in ("fp32", "bf16"):
        assert simulate(model, precision) == []


def test_what_cannot_be_simulated():
    with pytest.raises(InputError, match="Sequential has no layers"):
        simulate(nn.Sequential(nn.Linear(2, 2)), "simulated-int8")
    with pytest.raises(InputError, match="simulated-int8, simulated-int4"):
        compute_in("simulated-int2", "cpu")
