"""Choosing the model: the best forecast loss among all sizes that the budget can train."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from scalewright.architectures import LlamaFamily, LlamaShape
from scalewright.architectures.decoder import Decoder
from scalewright.errors import InputError, WorkError
from scalewright.laws import Law, Supply
from scalewright.planning.plan import Candidate

BYTES_PER_PARAM = 16
"""fp32 weight, gradient and two moments of Adam."""
RUNTIME_BYTES = 401e6
"""The interpreter, torch, and what they keep besides."""


class Held(NamedTuple):
    """Memory that an eager process holds for each byte that is there at once: on processors the heap is not given back, and
    large tensors leave holes that small ones spoil.

    Attributes:
        values, scores: That autograd keeps of a layer.
        work: One layer's scores, for attention at work.
        logit_bytes: Of each logit.
    """

    values: float
    scores: float
    work: float
    logit_bytes: float


HELD = {"bf16": Held(1.49, 0.91, 4.6, 10.0), "fp32": Held(1.33, 1.47, 4.8, 7.4)}
"""Fitted to 40 processes each: leaving each out 3.5 % in the median and 14 % at most, 3.8 and 16 % in fp32 (docs/log.md,
2026-11-27, memory of today's trainer)."""
COMPILED_RUNTIME_BYTES = 463e6
"""The same with the compiler loaded."""
COMPILED_NUMBERS = (3.65, 1.18)
"""Numbers kept by compiled steps: of each token and layer for each of the widths of stream, attention and feed-forward block,
and for each score. Fitted to 39 processes with the next (docs/log.md, 2026-11-25, compiled steps)."""
COMPILED_LOGIT_BYTES = 8.2
FURTHEST_SIZE = 30.0
"""Sizes beyond this many times the largest one in the law's data are not considered."""


@dataclass(frozen=True)
class Budget:
    """What the final run may use: seconds of training or FLOPs, and memory."""

    seconds: float | None = None
    flops: float | None = None
    memory_bytes: float = float("inf")

    def __post_init__(self) -> None:
        if (self.seconds is None) == (self.flops is None):
            raise InputError("budget: give either a time or FLOPs")

    def tokens(self, flops_per_token: float, tokens_per_second: float) -> float:
        """Tokens that the budget buys a model of this cost and speed."""
        if self.flops is not None:
            return self.flops / flops_per_token
        assert self.seconds is not None
        return self.seconds * tokens_per_second


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
    tokens = batch_size * shape.context
    half = precision == "bf16"
    if compiled:
        number, square = 2 if half else 4, shape.heads * shape.context
        values, scores = COMPILED_NUMBERS
        inner = values * (shape.width + shape.attention_width + shape.hidden) + scores * square
        return {
            "runtime": COMPILED_RUNTIME_BYTES,
            "states": float(BYTES_PER_PARAM * shape.params_total),
            "activations": number * tokens * shape.depth * inner,
            "logits": tokens * COMPILED_LOGIT_BYTES * shape.vocabulary,
        }
    kept = 12 * shape.width + 8 * shape.attention_width + 8 * shape.hidden
    if not half:
        kept = 16 * (shape.width + shape.attention_width + shape.hidden)
    held = HELD["bf16" if half else "fp32"]
    scores = (2 if half else 4) * shape.heads * shape.context
    layers = shape.depth * (held.values * kept + held.scores * scores) + held.work * scores
    return {
        "runtime": RUNTIME_BYTES,
        "states": float(BYTES_PER_PARAM * shape.params_total),
        "activations": tokens * layers,
        "logits": tokens * held.logit_bytes * shape.vocabulary,
    }


def candidates(
    law: Law,
    family: LlamaFamily,
    budget: Budget,
    tokens_per_second: Callable[[float], float],
    batch_size: int,
    supply: Supply,
    precision: str,
) -> list[Candidate]:
    """Every size of the family with whole heads that fits, with the tokens that the budget buys it and its forecast loss.

    Tokens beyond the `supply` are repeats. Sizes with half a head too much serve the ladder alone: `transformers` does not
    load them all.

    Raises:
        WorkError: no size fits, with the limit that binds.
    """
    per_step = batch_size * family.context
    shapes: list[LlamaShape] = []
    steps: list[int] = []
    width = 2 * family.head_size
    while (shape := family.shape(width)).params <= FURTHEST_SIZE * law.support.params[1]:
        speed = tokens_per_second(shape.train_flops_per_token)
        count = int(budget.tokens(shape.train_flops_per_token, speed) / per_step)
        if memory_bytes(shape, batch_size, precision) <= budget.memory_bytes and count >= 100:
            shapes.append(shape)
            steps.append(count)
        width += family.head_size
    if not shapes:
        smallest = family.shape(2 * family.head_size)
        raise WorkError(
            f"no model fits: the smallest, {smallest.params:,} params, needs 100 steps of {per_step} tokens and "
            f"{memory_bytes(smallest, batch_size, precision):,} bytes: raise the budget"
        )
    params = np.array([float(shape.params) for shape in shapes])
    tokens = np.array([float(count * per_step) for count in steps])
    losses = law.losses(params, tokens, unique_tokens=supply.unique(tokens))
    return [
        Candidate(
            shape=shape,
            params=shape.params,
            tokens=count * per_step,
            steps=count,
            flops=float(count * per_step * shape.train_flops_per_token),
            seconds=count * per_step / tokens_per_second(shape.train_flops_per_token),
            loss=float(loss),
        )
        for shape, count, loss in zip(shapes, steps, losses, strict=True)
    ]


def choose(found: Sequence[Candidate]) -> tuple[Candidate, Candidate]:
    """The best candidate and the runner-up."""
    best, *others = sorted(found, key=lambda candidate: candidate.loss)
    return best, others[0] if others else best
