"""The Llama family: one dial, the width, fixes every shape; parameters and FLOPs counted exactly."""

import math
from collections.abc import Iterator
from typing import Any, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from scalewright.documents import Part
from scalewright.errors import InputError

LEAST_DEPTH = 4
"""Layers of every small model: between 2, 3 and 4 the loss steps down, by up to 5 %, as models learn to copy; a ladder across
such steps follows no law (docs/log.md, 2026-11-24, depth)."""
_FINE = 8
"""Grains of a width from which on it is one of whole grains: widths an eighth apart at most, and a sixth of a unit of ln params
from the best size, where the loss is flat. Steps gain 2 % at such widths, where products gain 15 (docs/log.md, 2026-11-28)."""
LLAMA_CONTEXT, LLAMA_ROPE_THETA = 2048, 10_000.0
"""Base of the rotary positions at a context (Touvron et al. 2023, arXiv:2302.13971); in proportion at others: the slowest
rotation spans the context, and none is wasted. At a context of 128 that is worth 0.7 % of the loss (docs/log.md)."""


class LlamaShape(Part):
    """One Llama: every number that its weights and its arithmetic depend on.

    Attributes:
        queries_per_key: Heads of queries that share each head of keys and values (Ainslie et al. 2023, arXiv:2305.13245).
    """

    vocabulary: int = Field(ge=1)
    context: int = Field(ge=1)
    depth: int = Field(ge=1)
    width: int = Field(ge=1)
    head_size: int = Field(ge=2)
    hidden: int = Field(ge=1)
    queries_per_key: int = Field(1, ge=1)
    norm_epsilon: float = 1e-5
    rope_theta: float = 10_000.0

    @model_validator(mode="after")
    def _head_size_is_even(self) -> Self:
        if self.head_size % 2:
            raise ValueError(f"heads of {self.head_size}: rotary positions turn pairs, so the head size must be even")
        return self

    @model_validator(mode="after")
    def _heads_share_evenly(self) -> Self:
        if self.heads % self.queries_per_key:
            raise ValueError(f"{self.heads} heads in groups of {self.queries_per_key}: expected a divisor")
        return self

    @model_serializer(mode="wrap")
    def _without_what_came_later(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Where it is at its default: addresses of runs made before stay what they are.
        fields: dict[str, Any] = whole(self)
        if self.queries_per_key == 1:
            fields.pop("queries_per_key", None)
        return fields

    @property
    def heads(self) -> int:
        """Attention heads of a layer: as many as the width has room for, a part of one counted as one."""
        return -(-self.width // self.head_size)

    @property
    def attention_width(self) -> int:
        """Width of the queries: that of the stream, rounded up to whole heads."""
        return self.heads * self.head_size

    @property
    def kv_heads(self) -> int:
        """Heads of the keys, and of the values."""
        return self.heads // self.queries_per_key

    @property
    def kv_width(self) -> int:
        """Width of the keys, and of the values."""
        return self.kv_heads * self.head_size

    @property
    def tokens_per_row(self) -> int:
        """Tokens that a row of a batch trains on."""
        return self.context

    @property
    def params(self) -> int:
        """N: weights that take part in matrix products, the head included, the looked-up embedding not."""
        attention = 2 * self.width * (self.attention_width + self.kv_width)
        return self.depth * (attention + 3 * self.width * self.hidden) + self.vocabulary * self.width

    @property
    def params_total(self) -> int:
        """All weights: N, the embedding and the norms' gains."""
        return self.params + self.vocabulary * self.width + (2 * self.depth + 1) * self.width

    @property
    def forward_flops_per_token(self) -> int:
        """FLOPs of a forward pass per token at full context: matrix products and attention.

        Attention is counted over the whole square, masked half included, as kernels without a causal
        shortcut and `torch.utils.flop_counter` do.
        """
        return 2 * self.params + 4 * self.depth * self.context * self.attention_width

    @property
    def train_flops_per_token(self) -> int:
        """FLOPs of a training step per token: the backward pass costs two forward passes."""
        return 3 * self.forward_flops_per_token


class LlamaFamily(Part):
    """Shapes of one vocabulary, context and head size, ordered by width.

    The depth follows from the width as 1.2 (width/16)^0.6, rounded: the trade of the models in use, from
    GPT-2 (768 wide: 12 layers) over TinyLlama (2048: 22) to Llama 7B (4096: 33; 32 in use). A dial in the depth would leave
    gaps of two to four times between the sizes that a ladder of minutes needs.

    Attributes:
        grain: That the machine multiplies widths fast in multiples of; narrow ones, of few grains, are none the less of any
            width.
    """

    vocabulary: int
    context: int
    head_size: int = 16
    grain: int = 1

    @property
    def step(self) -> int:
        """Step of the dial: half a head."""
        return self.head_size // 2

    @property
    def narrowest(self) -> int:
        """Smallest width: below one head and a half the head of the vocabulary is nearly all of the model."""
        return self.head_size + self.step

    def planned(self, width: float) -> int:
        """The nearest width that is planned: whole heads, of whole grains where these are fine enough."""
        step = math.lcm(self.head_size, self._grain(width))
        return max(2 * self.head_size, round(width / step) * step)

    def widths(self) -> Iterator[int]:
        """All that are planned, ascending."""
        width = 2 * self.head_size
        while True:
            yield width
            step = math.lcm(self.head_size, self._grain(width + self.head_size))
            width = (width // step + 1) * step

    def _grain(self, width: float) -> int:
        return self.grain if width >= _FINE * self.grain else 1

    def shape(self, width: int) -> LlamaShape:
        """The shape of a width, a multiple of the dial's step.

        Raises:
            InputError: the width is not a positive multiple of the step.
        """
        if width <= 0 or width % self.step:
            raise InputError(f"width {width}: expected a positive multiple of {self.step}, half a head")
        step = math.lcm(16, self._grain(width))
        return LlamaShape(
            vocabulary=self.vocabulary,
            context=self.context,
            depth=max(LEAST_DEPTH, round(1.2 * (width / 16) ** 0.6)),
            width=width,
            head_size=self.head_size,
            hidden=-(-8 * width // 3 // step) * step,
            rope_theta=LLAMA_ROPE_THETA * self.context / LLAMA_CONTEXT,
        )
