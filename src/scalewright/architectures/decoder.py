"""A decoder-only transformer as its costs see it: parameters, and the arithmetic of each of its parts."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from scalewright.architectures.llama import LlamaShape
from scalewright.documents import Part

Numbers = NDArray[np.float64] | float


@dataclass(frozen=True)
class Product:
    """Products of (rows, inner) by (inner, columns) matrices, `count` of them; numbers, or arrays over layouts."""

    rows: Numbers
    inner: Numbers
    columns: Numbers
    count: Numbers = 1.0

    @property
    def flops(self) -> Numbers:
        """Multiplications and additions."""
        return 2.0 * self.count * self.rows * self.inner * self.columns

    def bytes(self, width: float = 2.0) -> Numbers:
        """Read and written once, numbers of `width` bytes."""
        read = self.rows * self.inner + self.inner * self.columns
        return width * self.count * (read + self.rows * self.columns)


class Decoder(Part):
    """One decoder-only transformer.

    Attributes:
        kv_heads: Heads of the keys and values: as many as `heads`, fewer where queries share them (Ainslie et al. 2023,
            arXiv:2305.13245), 1 for all (Shazeer 2019, arXiv:1911.02150).
        hidden: Width of the feed-forward block.
        gated: Whether a gate multiplies the block's inner values (Shazeer 2020, arXiv:2002.05202): three matrices, not two.
        tied: Whether the head is the embedding itself.
        positions: Learned positions, one vector for each place of the context.
    """

    vocabulary: int = Field(ge=1)
    context: int = Field(ge=1)
    depth: int = Field(ge=1)
    width: int = Field(ge=1)
    heads: int = Field(ge=1)
    kv_heads: int = Field(ge=1)
    head_size: int = Field(ge=1)
    hidden: int = Field(ge=1)
    gated: bool = True
    tied: bool = False
    positions: bool = False

    @model_validator(mode="after")
    def _heads_share_evenly(self) -> Self:
        if self.heads % self.kv_heads:
            raise ValueError(f"{self.heads} heads share {self.kv_heads} keys and values: expected a divisor")
        return self

    @classmethod
    def of(cls, shape: LlamaShape) -> Self:
        """A Llama of ours."""
        return cls(
            vocabulary=shape.vocabulary,
            context=shape.context,
            depth=shape.depth,
            width=shape.width,
            heads=shape.heads,
            kv_heads=shape.kv_heads,
            head_size=shape.head_size,
            hidden=shape.hidden,
        )

    @property
    def attention_width(self) -> int:
        """Width of the queries."""
        return self.heads * self.head_size

    @property
    def kv_width(self) -> int:
        """Width of the keys, and of the values."""
        return self.kv_heads * self.head_size

    @property
    def layer_params(self) -> int:
        """Matrix weights of one layer."""
        attention = self.width * (2 * self.attention_width + 2 * self.kv_width)
        return attention + (3 if self.gated else 2) * self.width * self.hidden

    @property
    def params(self) -> int:
        """N: weights that take part in matrix products, the head included, the looked-up embedding not."""
        return self.depth * self.layer_params + self.vocabulary * self.width

    @property
    def params_total(self) -> int:
        """All weights: N, embeddings and the norms' gains."""
        looked_up = (0 if self.tied else self.vocabulary * self.width) + self.positions * self.context * self.width
        return self.params + looked_up + (2 * self.depth + 1) * self.width

    @property
    def forward_flops_per_token(self) -> int:
        """FLOPs of a forward pass per token at full context, attention over the whole square (as
        `torch.utils.flop_counter` counts)."""
        return 2 * self.params + 4 * self.depth * self.context * self.attention_width

    @property
    def train_flops_per_token(self) -> int:
        """FLOPs of a training step per token: the backward pass costs two forward passes."""
        return 3 * self.forward_flops_per_token

    @property
    def recomputed_flops_per_token(self) -> int:
        """FLOPs per token that computing all layers again in the backward pass adds to a training step."""
        return 2 * self.depth * self.layer_params + 4 * self.depth * self.context * self.attention_width

    def layer_products(self, tokens: Numbers, tensor: Numbers = 1.0) -> list[Product]:
        """Matrix products of one layer's forward pass for `tokens` tokens, on one of `tensor` devices that share each
        layer; attention's own are in `attention_flops`."""
        return [
            Product(tokens, self.width, (self.attention_width + 2 * self.kv_width) / tensor),
            Product(tokens, self.attention_width / tensor, self.width),
            Product(tokens, self.width, (2 if self.gated else 1) * self.hidden / tensor),
            Product(tokens, self.hidden / tensor, self.width),
        ]

    def attention_flops(self, tokens: Numbers, tensor: Numbers = 1.0) -> Numbers:
        """Of scores and mixtures in one layer's forward pass, over the whole square."""
        return 4.0 * tokens * self.context * self.attention_width / tensor

    def head_product(self, tokens: Numbers, tensor: Numbers = 1.0) -> Product:
        """The logits of `tokens` tokens, on one of `tensor` devices that share the vocabulary."""
        return Product(tokens, self.width, self.vocabulary / tensor)
