"""Memory of a training step on the fullest device: states, gathered weights, activations, logits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scalewright.architectures.decoder import Decoder
from scalewright.architectures.parallel import RECOMPUTES, SHARDINGS, Layouts

Array = NDArray[np.float64]

FULL, HALF = 4, 2
"""Bytes of a number in fp32, and in bf16 or fp16."""

LOGIT_BYTES = 10
"""Of each logit: in half precision, in fp32 for the loss, and its gradient in fp32."""

GATHERED_LAYERS = 2
"""Where weights are sharded: the layer at work and the next one, fetched meanwhile, are whole on every device."""


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes on the fullest device, arrays [n] over layouts.

    Attributes:
        states: fp32 weights, gradients and two moments of Adam, and the half-precision copy of the weights.
        gathered: Of sharded weights and gradients, what is whole: the layers at work, and embedding and head throughout.
        activations: Kept for the backward pass.
        logits: Of one micro-batch, with their gradients.
    """

    states: Array
    gathered: Array
    activations: Array
    logits: Array

    @property
    def total(self) -> Array:
        """All of it."""
        return self.states + self.gathered + self.activations + self.logits


def stage_params(decoder: Decoder, layouts: Layouts) -> Array:
    """Weights of the fullest pipeline stage on one of the devices that share its layers [n]."""
    norms = 2 * decoder.width
    layers = np.ceil(decoder.depth / layouts.pipeline) * (decoder.layer_params / layouts.tensor + norms)
    table = decoder.vocabulary * decoder.width / layouts.tensor
    ends = np.where((layouts.pipeline > 1) | decoder.tied, 1, 2)
    return np.asarray(layers + ends * table + decoder.positions * decoder.context * decoder.width)


def training_memory(decoder: Decoder, layouts: Layouts, fused_attention: bool = True) -> TrainingMemory:
    """Memory of training in half precision with fp32 weights, gradients and moments (Micikevicius et al. 2018,
    arXiv:1710.03740).

    Args:
        decoder: The model.
        layouts: How it lies on the devices.
        fused_attention: Whether scores stay inside the kernel (Dao et al. 2022, arXiv:2205.14135).
    """
    held, shards = stage_params(decoder, layouts), layouts.shards
    sharding = layouts.sharding
    whole = (FULL + FULL + 2 * FULL + HALF) * held
    optimiser = (FULL + HALF) * held + 3 * FULL * held / shards
    states = np.select(
        [sharding == SHARDINGS.index("none"), sharding == SHARDINGS.index("optimiser")],
        [whole, optimiser],
        4 * FULL * held / shards,
    )
    layer = GATHERED_LAYERS * decoder.layer_params
    tables = (1 if decoder.tied else 2) * decoder.vocabulary * decoder.width
    whole_parts = (HALF + FULL) * (layer + tables) / layouts.tensor
    gathered = np.where((sharding == SHARDINGS.index("all")) & (shards > 1), whole_parts, 0.0)

    tokens = np.asarray(layouts.micro_batch * float(decoder.context) / layouts.context, dtype=np.float64)
    in_flight = np.minimum(layouts.pipeline, layouts.accumulation)
    layers = np.ceil(decoder.depth / layouts.pipeline)
    kept = layer_activation_bytes(decoder, tokens, layouts, fused_attention)
    entry = HALF * tokens * decoder.width / layouts.tensor
    # Layers computed again keep their input alone, but for the one at work.
    again = layouts.recompute == RECOMPUTES.index("all")
    activations = np.where(again, in_flight * layers * entry + kept, in_flight * layers * kept)
    logits = LOGIT_BYTES * tokens * decoder.vocabulary / layouts.tensor
    return TrainingMemory(np.asarray(states), gathered, np.asarray(activations), np.asarray(logits))


def layer_activation_bytes(decoder: Decoder, tokens: Array, layouts: Layouts, fused_attention: bool) -> Array:
    """What a layer keeps of a micro-batch for its backward pass [n]: the inputs of its two norms and of every matrix
    product, queries, keys and values, and the inner values of the feed-forward block (cf. Korthikanti et al. 2022,
    arXiv:2205.05198, there for GPT with dropout)."""
    inner = (3 if decoder.gated else 2) * decoder.hidden
    widths = 4 * decoder.width + 2 * decoder.attention_width + 2 * decoder.kv_width + inner
    kept = HALF * tokens * widths / layouts.tensor
    if fused_attention:
        return np.asarray(kept + FULL * tokens * decoder.heads / layouts.tensor)
    # The softmax, in half precision; computed again where attention is.
    scores = HALF * tokens * decoder.heads * decoder.context / layouts.tensor
    return np.asarray(kept + np.where(layouts.recompute == RECOMPUTES.index("none"), scores, 0.0))
