"""Counts against released models, the Llama of ours and published formulas."""

import numpy as np
import pytest

from scalewright.architectures import LlamaFamily
from scalewright.architectures.decoder import Decoder
from scalewright.architectures.decoders import decoder, decoders, depths
from scalewright.architectures.memory import training_memory
from scalewright.architectures.parallel import Layouts


def llama(depth, width, heads, hidden, kv_heads=None, vocabulary=32_000):
    return Decoder(
        vocabulary=vocabulary,
        context=2048,
        depth=depth,
        width=width,
        heads=heads,
        kv_heads=kv_heads or heads,
        head_size=width // heads,
        hidden=hidden,
    )


def gpt(depth, width, heads):
    return Decoder(
        vocabulary=50_304,
        context=2048,
        depth=depth,
        width=width,
        heads=heads,
        kv_heads=heads,
        head_size=width // heads,
        hidden=4 * width,
        gated=False,
        tied=True,
        positions=True,
    )


@pytest.mark.parametrize(
    ("shape", "weights"),
    [
        (llama(32, 4096, 32, 11_008), 6_738_415_616),  # Llama 7B, as released
        (llama(80, 8192, 64, 22_016), 65_285_660_672),  # 65B
        (llama(32, 4096, 32, 14_336, kv_heads=8), 7_241_732_096),  # Mistral 7B 0.1, as released
    ],
)
def test_params_of_released_models(shape, weights):
    assert shape.params_total == weights


def test_the_gpt_of_the_papers():
    # Narayanan et al. 2021 (arXiv:2104.04473), equations 2 and 3, without the biases: 12 l h^2 (1 + (V + s) / (12 l h)) weights
    # and 24 l h^2 (1 + s / (6 h) + V / (12 l h)) FLOPs of a token forward (theirs count the backward pass and a recomputation).
    depth, width, vocabulary, context = 48, 8192, 50_304, 2048
    shape = gpt(depth, width, 64)
    weights = 12 * depth * width**2 * (1 + (vocabulary + context) / (12 * depth * width))
    flops = 24 * depth * width**2 * (1 + context / (6 * width) + vocabulary / (12 * depth * width))
    assert shape.params_total == pytest.approx(weights, rel=1e-4)
    assert shape.forward_flops_per_token == pytest.approx(flops, rel=1e-12)


@pytest.mark.parametrize("queries_per_key", [1, 5])
def test_ours_is_a_decoder(queries_per_key):
    shape = LlamaFamily(vocabulary=1024, context=128).shape(160)
    shape = shape.model_copy(update={"queries_per_key": queries_per_key})
    same = Decoder.of(shape)
    assert (same.params, same.params_total) == (shape.params, shape.params_total)
    assert same.train_flops_per_token == shape.train_flops_per_token


def test_products_add_up_to_the_flops():
    shape, tokens = llama(32, 4096, 32, 14_336, kv_heads=8), 3 * 2048
    layer = sum(product.flops for product in shape.layer_products(tokens)) + shape.attention_flops(tokens)
    whole = shape.depth * layer + shape.head_product(tokens).flops
    assert whole == pytest.approx(tokens * shape.forward_flops_per_token)
    shared = sum(product.flops for product in shape.layer_products(tokens, 8))
    assert 8 * shared == pytest.approx(sum(product.flops for product in shape.layer_products(tokens)))


def test_heads_must_share_evenly():
    with pytest.raises(ValueError, match="32 heads share 5"):
        llama(32, 4096, 32, 11_008, kv_heads=5)


def test_shapes_are_those_of_models_in_use():
    # Touvron et al. 2023: 7, 13 and 65 B have 32, 40 and 80 layers at 4096, 5120 and 8192, feed-forward 11,008, 13,824, 22,016.
    for width, depth, hidden in ((4096, 32, 11_008), (5120, 40, 13_824), (8192, 80, 22_016)):
        assert depth in depths(width)
        assert decoder(width, depth, 32_000, 2048).hidden == hidden
    found = list(decoders(1e9, 1e10, 32_000, 2048))
    assert all(1e9 <= shape.params <= 1e10 for shape in found)
    assert all(shape.kv_heads in (8, shape.heads) for shape in found)


class TestMemory:
    def test_activations_are_korthikantis(self):
        # Korthikanti et al. 2022 (arXiv:2205.05198), equation 2, less what dropout keeps (2 s b h and 3 a s^2 b).
        shape, batch, tensor = gpt(1, 12_288, 96), 2, 8
        layout = Layouts.one(tensor=tensor, micro_batch=batch)
        s, b, h, a = shape.context, batch, shape.width, shape.heads
        memory = training_memory(shape, layout, fused_attention=False)
        assert memory.activations[0] == pytest.approx(s * b * h * (34 - 2 + (5 - 3) * a * s / h) / tensor)

    def test_states_of_one_device_are_eighteen_bytes(self):
        shape = llama(32, 4096, 32, 11_008)
        assert training_memory(shape, Layouts.one()).states[0] == pytest.approx(18 * shape.params_total, rel=1e-4)

    def test_shards_divide_what_is_sharded(self):
        shape, n = llama(32, 4096, 32, 11_008), 64
        whole = shape.params_total
        optimiser = training_memory(shape, Layouts.one(data=n, sharding="optimiser"))
        everything = training_memory(shape, Layouts.one(data=n, sharding="all"))
        assert optimiser.states[0] == pytest.approx((6 + 12 / n) * whole, rel=1e-4)
        assert everything.states[0] == pytest.approx(16 * whole / n, rel=1e-4)
        tables = 2 * shape.vocabulary * shape.width  # gathered first and given back last
        assert everything.gathered[0] == pytest.approx(6 * (2 * shape.layer_params + tables))

    def test_stages_hold_their_layers_and_the_micro_batches_under_way(self):
        shape = llama(32, 4096, 32, 11_008)
        one = training_memory(shape, Layouts.one())
        four = training_memory(shape, Layouts.one(pipeline=4, accumulation=16))
        assert four.activations[0] == pytest.approx(one.activations[0])  # a quarter of the layers, four times
        assert four.states[0] < 0.3 * one.states[0]

    def test_layers_computed_again_keep_their_input(self):
        shape = llama(32, 4096, 32, 11_008)
        kept, again = (training_memory(shape, Layouts.one(recompute=r)).activations[0] for r in ("none", "all"))
        inputs = 32 * 2 * 2048 * 4096
        assert again == pytest.approx(inputs + kept / 32)

    @pytest.mark.parametrize("field", ["data", "tensor", "pipeline"])
    def test_more_devices_never_need_more(self, field):
        shape, sharding = llama(32, 4096, 32, 11_008), "all" if field == "data" else "none"
        totals = [training_memory(shape, Layouts.one(**{field: n}, sharding=sharding)).states[0] for n in (1, 2, 4, 8)]
        assert np.all(np.diff(totals) < 0)
