"""Peak memory of an eager training process of our trunk: what autograd and the optimiser hold, counted tensor by tensor.

For kernels that are not fused (processors), where what is freed goes back to the system; `memory` counts what fused kernels on
accelerators keep.
"""

from dataclasses import dataclass
from typing import Literal

from scalewright.architectures.decoder import Decoder

FULL, HALF = 4, 2
"""Bytes of a number in fp32, and in bf16."""

RUNTIME_BYTES = 382e6
"""Of the interpreter and torch besides, on Linux: the only figure here that is measured, not counted (16 processes, to 0.8 % of
their peaks; docs/log.md, 2026-11-25, memory counted)."""

Kind = Literal["replicas", "sharded", "tensor", "pipeline"]


@dataclass(frozen=True)
class Split:
    """How a training lies on equal processes: how many, and what they share out.

    Attributes:
        kind: `replicas` see different sequences and hold everything (DDP; one process where there is one); `sharded` ones hold
            a part of every weight (FSDP2); `tensor` ones a part of each layer's matrices, embedding and head whole; `pipeline`
            ones a part of the layers (1F1B).
        micro_batch: Sequences of a process at once.
        accumulation: Micro-batches of a step.
        recompute: Whether layers are computed again in the backward pass.
    """

    kind: Kind
    processes: int
    micro_batch: int
    accumulation: int = 1
    recompute: bool = False


@dataclass(frozen=True)
class EagerMemory:
    """Bytes of one process, without the runtime's own.

    Attributes:
        held: Weights and moments, held all the time; gradients too where they outlive a step or a micro-batch.
        gradients: Of all weights, where they come and go with a backward pass.
        casts: Half-precision copies of weights, from the forward pass on.
        gathered: Sharded weights that are whole while they are at work.
        activations: Kept for the backward pass.
        layer: What one layer keeps, and so holds while it is computed backward.
        logits: In the loss.
    """

    held: float
    gradients: float
    casts: float
    gathered: float
    activations: float
    layer: float
    logits: float

    @property
    def peak(self) -> float:
        """The larger of what is held in the loss, when nothing is freed yet, and in the first layer's backward pass, when all
        gradients are there."""
        loss = self.casts + self.activations + self.logits
        return self.held + self.gathered + max(loss, self.gradients + self.layer)


def eager_memory(decoder: Decoder, precision: str, split: Split) -> EagerMemory:
    """What a training step in `precision` (fp32, or bf16 with fp32 weights) holds in the fullest process."""
    if split.kind != "pipeline":
        return _process(decoder, precision, split, decoder.depth, embedding=True, head=True, in_flight=1)
    layers = -(-decoder.depth // split.processes)
    # The first stage has as many micro-batches under way as there are stages, the last one the head and its logits.
    first = min(split.processes, split.accumulation)
    ends = (
        _process(decoder, precision, split, layers, embedding=True, head=False, in_flight=first),
        _process(decoder, precision, split, layers, embedding=False, head=True, in_flight=1),
    )
    return max(ends, key=lambda memory: memory.peak)


def _process(
    decoder: Decoder, precision: str, split: Split, layers: int, *, embedding: bool, head: bool, in_flight: int
) -> EagerMemory:
    half = precision == "bf16"
    share = split.processes if split.kind == "tensor" else 1
    shards = split.processes if split.kind == "sharded" else 1
    table = decoder.vocabulary * decoder.width
    matrices = layers * decoder.layer_params / share
    weights = matrices + (2 * layers + head) * decoder.width + (embedding + head) * table

    tokens = float(split.micro_batch * decoder.context)
    inner = ((decoder.attention_width + decoder.kv_width) / 2 + decoder.hidden) / share
    scores = decoder.heads * decoder.context / share
    # fp32: both norms' normal values and the products' inputs; queries, keys, values and their mixture; gate and up, silu and
    # their product; the softmax. bf16 halves all but the norms'.
    if half:
        layer = tokens * (12 * decoder.width + 8 * inner + HALF * scores)
    else:
        layer = tokens * (16 * decoder.width + 16 * inner + FULL * scores)
    # Sharded layers take their input in half precision.
    stream = (HALF if half and shards > 1 else FULL) * tokens * decoder.width

    gradients = FULL * weights / shards
    outlive = split.accumulation > 1 or (split.kind == "replicas" and split.processes > 1)
    whole = 2 * decoder.layer_params + (embedding + head) * table  # a layer, the next one, and what is of no layer
    # fp32: the logits and their exponentials; bf16: those, and the logits in fp32 between.
    per_logit = 10 if half else 8
    return EagerMemory(
        held=3 * FULL * weights / shards + (gradients if outlive else 0.0),
        gradients=0.0 if outlive else gradients,
        casts=HALF * (matrices + head * table) if half and shards == 1 else 0.0,
        gathered=(HALF if half else FULL) * whole if shards > 1 else 0.0,
        activations=in_flight * layers * (stream if split.recompute else layer),
        layer=layer,
        logits=per_logit * tokens * decoder.vocabulary if head else 0.0,
    )
