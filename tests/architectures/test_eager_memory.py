"""Memory of eager steps: counted against what autograd really keeps, and what shares leave a process."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from scalewright.architectures import LlamaShape
from scalewright.architectures.decoder import Decoder
from scalewright.architectures.eager_memory import Split, eager_memory
from scalewright.models import Llama, compute_in

SHAPE = LlamaShape(vocabulary=300, context=64, depth=4, width=64, head_size=16, hidden=192)
DECODER = Decoder.of(SHAPE)
ONE = Split("replicas", 1, micro_batch=8)


def kept(precision: str, model: Llama, tokens: Tensor) -> int:
    """Bytes that autograd keeps of a forward pass, weights and their copies aside; views of one storage counted once."""
    storages = {}
    weights = {shape for weight in model.parameters() for shape in (weight.shape, weight.shape[::-1])}

    def pack(tensor: Tensor) -> Tensor:
        if tensor.shape not in weights:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), compute_in(precision, "cpu"):
        model(tokens).sum()
    return sum(storages.values())


@pytest.mark.parametrize("queries_per_key", [1, 2])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_activations_are_what_autograd_keeps(precision, queries_per_key):
    shape = SHAPE.model_copy(update={"queries_per_key": queries_per_key})
    model, tokens = Llama(shape), torch.zeros(8, shape.context, dtype=torch.long)
    # Two depths: what belongs to no layer drops out.
    deeper = Llama(shape.model_copy(update={"depth": 8}))
    layers = kept(precision, deeper, tokens) - kept(precision, model, tokens)
    assert eager_memory(Decoder.of(shape), precision, ONE).layer == pytest.approx(layers / 4, rel=0.02)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_states_are_sixteen_bytes_a_weight(precision):
    memory = eager_memory(DECODER, precision, ONE)
    assert memory.held + memory.gradients == 16 * SHAPE.params_total
    assert memory.casts == (2 * SHAPE.params if precision == "bf16" else 0)
    outlived = eager_memory(DECODER, precision, replace(ONE, accumulation=2))
    assert (outlived.held, outlived.gradients) == (16 * SHAPE.params_total, 0)


def test_shares_leave_a_process_its_part():
    whole = eager_memory(DECODER, "fp32", ONE)
    sharded = eager_memory(DECODER, "fp32", Split("sharded", 2, 8))
    assert sharded.held == whole.held / 2
    assert sharded.activations == whole.activations
    tensor = eager_memory(DECODER, "fp32", Split("tensor", 4, 8))
    assert whole.layer / 4 < tensor.layer < whole.layer
    stages = eager_memory(DECODER, "fp32", Split("pipeline", 2, 4, 2))
    # The first stage: half of the layers, two micro-batches of half the sequences under way.
    assert stages.activations == pytest.approx(whole.activations / 2)
    assert stages.held < 16 * SHAPE.params_total


def test_computing_layers_again_keeps_their_inputs_alone():
    again = eager_memory(DECODER, "fp32", replace(ONE, recompute=True))
    assert again.activations == SHAPE.depth * 4 * 8 * SHAPE.context * SHAPE.width
    assert again.peak < eager_memory(DECODER, "fp32", ONE).peak
