"""Peak memory of a training process on a processor: what it holds, which is more than is there at once.

`architectures.eager_memory` counts what is there at once.
"""

from typing import NamedTuple

from scalewright.architectures import LlamaShape
from scalewright.architectures.decoder import Decoder

BYTES_PER_PARAM = 16
"""fp32 weight, gradient and two moments of Adam."""


class Held(NamedTuple):
    """Memory of a training process on a processor, fitted to peaks: the heap is not given back, and large tensors leave holes
    that small ones spoil.

    Attributes:
        runtime: Bytes of the interpreter, torch, and what they keep besides.
        values: Held for each byte of a layer's values, of scores apart.
        scores: Held for each byte of a layer's scores.
        work: Of one layer's scores, for attention at work.
        logit: Bytes of each logit.
    """

    runtime: float
    values: float
    scores: float
    work: float
    logit: float


EAGER = {"bf16": Held(401e6, 1.49, 0.91, 4.6, 10.0), "fp32": Held(401e6, 1.33, 1.47, 4.8, 7.4)}
"""Values are those that autograd keeps. Fitted to 40 processes each: leaving each out 3.5 % in the median and 14 % at most, 3.8
and 16 % in fp32 (docs/log.md, 2026-11-27, memory of today's trainer)."""
COMPILED = {"bf16": Held(519e6, 4.2, 1.02, 3.0, 8.0), "fp32": Held(511e6, 3.46, 1.88, 1.0, 8.5)}
"""Values are numbers as many as stream, attention and feed-forward block are wide. Fitted to 23 processes of sixty steps: 6 %
in the median, left out, and 15 % at most (docs/log.md, as above)."""


def memory_bytes(shape: LlamaShape | Decoder, batch_size: int, precision: str, compiled: bool = False) -> int:
    """Estimated peak memory of a training process on a processor."""
    return round(sum(memory_parts(shape, batch_size, precision, compiled).values()))


def memory_parts(
    shape: LlamaShape | Decoder, batch_size: int, precision: str, compiled: bool = False
) -> dict[str, float]:
    """The same, by what it is made of.

    Eager, autograd keeps of each token and layer the norms' and the products' inputs, queries, keys, values, the feed-forward
    block's inner values, and attention's softmax; norms in fp32.
    """
    held = (COMPILED if compiled else EAGER)[precision]
    tokens, width_bytes = batch_size * shape.context, 2 if precision == "bf16" else 4
    inner = (shape.attention_width + shape.kv_width) // 2 + shape.hidden
    if compiled:
        values = width_bytes * (shape.width + inner)
    else:
        values = 12 * shape.width + 8 * inner if precision == "bf16" else 16 * (shape.width + inner)
    scores = width_bytes * shape.heads * shape.context
    layers = shape.depth * (held.values * values + held.scores * scores) + held.work * scores
    return {
        "runtime": held.runtime,
        "states": float(BYTES_PER_PARAM * shape.params_total),
        "activations": tokens * layers,
        "logits": tokens * held.logit * shape.vocabulary,
    }
