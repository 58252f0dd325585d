"""Counts against published models, torch's own counter and the models built on the meta device."""

from functools import partial
from itertools import takewhile

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from scalewright.architectures import LlamaFamily, LlamaShape
from scalewright.architectures.decoder import Decoder
from scalewright.errors import InputError
from scalewright.models import Llama

LLAMA_7B = LlamaShape(vocabulary=32_000, context=2048, depth=32, width=4096, head_size=128, hidden=11_008)
LLAMA_65B = LlamaShape(vocabulary=32_000, context=2048, depth=80, width=8192, head_size=128, hidden=22_016)


def test_params_of_published_models():
    # Touvron et al. 2023 as released: 6,738,415,616 and 65,285,660,672 weights.
    assert LLAMA_7B.params_total == 6_738_415_616
    assert LLAMA_65B.params_total == 65_285_660_672


MISTRAL_7B = LlamaShape(
    vocabulary=32_000, context=4096, depth=32, width=4096, head_size=128, hidden=14_336, queries_per_key=4
)


def test_shared_keys_of_a_published_model():
    assert MISTRAL_7B.params_total == 7_241_732_096  # Mistral 7B 0.1, as released


def test_a_run_without_shared_keys_keeps_its_address():
    assert "queries_per_key" not in LLAMA_7B.model_dump(mode="json")
    for shape in (LLAMA_7B, MISTRAL_7B):
        assert LlamaShape.model_validate_json(shape.model_dump_json()) == shape


@pytest.mark.parametrize(
    ("width", "queries_per_key"), [(24, 1), (32, 2), (40, 3), (64, 1), (64, 4), (160, 5), (512, 1)]
)
def test_params_are_those_of_the_model(width, queries_per_key):
    shape = LlamaFamily(vocabulary=1024, context=128).shape(width)
    shape = shape.model_copy(update={"queries_per_key": queries_per_key})
    with torch.device("meta"):
        model = Llama(shape)
    assert sum(p.numel() for p in model.parameters()) == shape.params_total
    matrices = sum(p.numel() for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name)
    assert matrices == shape.params


@pytest.mark.parametrize(("width", "queries_per_key"), [(24, 1), (32, 1), (96, 1), (96, 3)])
def test_flops_are_torchs(width, queries_per_key):
    shape = LlamaFamily(vocabulary=512, context=64).shape(width)
    shape = shape.model_copy(update={"queries_per_key": queries_per_key})
    with torch.device("meta"):
        model, tokens = Llama(shape), torch.zeros(2, 64, dtype=torch.long)
    with FlopCounterMode(display=False) as forward:
        logits = model(tokens)
    assert forward.get_total_flops() == pytest.approx(2 * 64 * shape.forward_flops_per_token, rel=1e-3)
    with FlopCounterMode(display=False) as backward:
        logits.sum().backward()
    # The first layer's input needs no gradient product with the embedding, so a little less than twice the forward pass.
    assert backward.get_total_flops() == pytest.approx(2 * forward.get_total_flops(), rel=1e-3)


def test_flops_of_layers_computed_again_are_torchs():
    shape = LlamaFamily(vocabulary=512, context=64).shape(96)
    counted = []
    for again in (False, True):
        with torch.device("meta"):
            model, tokens = Llama(shape), torch.zeros(2, 64, dtype=torch.long)
        if again:
            for layer in model.layers:
                layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)
        with FlopCounterMode(display=False) as counter:
            model(tokens).sum().backward()
        counted.append(counter.get_total_flops())
    added = 2 * 64 * Decoder.of(shape).recomputed_flops_per_token
    # The last product of a layer is wanted by nobody and left out: torch stops once the inputs of its gradients are there.
    last = 2 * 64 * 2 * shape.depth * shape.width * shape.hidden
    assert counted[1] - counted[0] == pytest.approx(added - last, rel=1e-3)


@pytest.mark.parametrize(("width", "layers"), [(768, 12), (2048, 22), (4096, 33)])
def test_depth_follows_models_in_use(width, layers):
    assert LlamaFamily(vocabulary=1024, context=128).shape(width).depth == layers


def test_sizes_grow_with_the_dial():
    family = LlamaFamily(vocabulary=1024, context=128)
    params = [family.shape(width).params for width in range(24, 2048, 8)]
    assert params == sorted(set(params))


@pytest.mark.parametrize("width", [0, -16, 42])
def test_wrong_width(width):
    with pytest.raises(InputError, match="multiple of 8"):
        LlamaFamily(vocabulary=1024, context=128).shape(width)


def test_wrong_heads():
    with pytest.raises(ValueError, match="must be even"):
        LlamaShape(vocabulary=10, context=8, depth=1, width=45, head_size=15, hidden=64)


def test_small_models_differ_in_width_alone():
    # docs/log.md, 2026-11-24: a ladder of 2, 3 and 4 layers follows no law.
    assert {LlamaFamily(vocabulary=1024, context=128).shape(width).depth for width in range(24, 144, 8)} == {4}


@pytest.mark.parametrize("grain", [1, 8, 16, 32])
def test_planned_widths_are_whole_heads_and_from_eight_grains_on_whole_grains(grain):
    family = LlamaFamily(vocabulary=512, context=64, grain=grain)
    widths = list(takewhile(lambda width: width <= 1024, family.widths()))
    by_hand = [w for w in range(32, 1025) if w % 16 == 0 and (w % grain == 0 or w < 8 * grain)]
    assert widths == by_hand
    for width in widths:
        shape = family.shape(width)
        assert shape.hidden % 16 == 0
        assert shape.hidden % grain == 0 or width < 8 * grain
        # Two thirds of four times the width, as without a grain, but for less than the step.
        assert 0 <= shape.hidden - 8 * width / 3 < max(16, grain) + 1


@given(st.sampled_from([1, 8, 16, 32]), st.floats(1, 2000))
def test_the_nearest_width_that_is_planned(grain, width):
    family = LlamaFamily(vocabulary=512, context=64, grain=grain)
    some = list(takewhile(lambda each: each <= 2100, family.widths()))
    # Just above eight grains, widths below them are as near.
    nearest = min(abs(each - width) for each in some if each >= 8 * grain or width < 8 * grain)
    assert family.planned(width) in some
    assert abs(family.planned(width) - width) <= nearest + 1e-9
