"""The Llama family: one dial, the width, fixes every shape; parameters and FLOPs counted exactly."""

from typing import Self

from pydantic import model_validator

from scalewright.documents import Part
from scalewright.errors import InputError


class LlamaShape(Part):
    """One Llama: every number that its weights and its arithmetic depend on."""

    vocabulary: int
    context: int
    depth: int
    width: int
    head_size: int
    hidden: int
    norm_epsilon: float = 1e-5
    rope_theta: float = 10_000.0

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % self.head_size or self.head_size % 2:
            raise ValueError(
                f"width {self.width} in heads of {self.head_size}: the head size must be even and divide the width"
            )
        return self

    @property
    def heads(self) -> int:
        """Attention heads of a layer."""
        return self.width // self.head_size

    @property
    def params(self) -> int:
        """N: weights that take part in matrix products, the head included, the looked-up embedding not."""
        layer = 4 * self.width**2 + 3 * self.width * self.hidden
        return self.depth * layer + self.vocabulary * self.width

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
        return 2 * self.params + 4 * self.depth * self.context * self.width

    @property
    def train_flops_per_token(self) -> int:
        """FLOPs of a training step per token: the backward pass costs two forward passes."""
        return 3 * self.forward_flops_per_token


class LlamaFamily(Part):
    """Shapes of one vocabulary, context and head size, ordered by width.

    The depth follows from the width as 1.2 (width/16)^0.6, rounded: the trade of the models in use, from
    GPT-2 (768 wide: 12 layers) over TinyLlama (2048: 22) to Llama 7B (4096: 33; 32 in use). A dial in the depth would leave
    gaps of two to four times between the sizes that a ladder of minutes needs.
    """

    vocabulary: int
    context: int
    head_size: int = 16

    def shape(self, width: int) -> LlamaShape:
        """The shape of a width, a multiple of the head size.

        Raises:
            InputError: the width is not a positive multiple of the head size.
        """
        if width <= 0 or width % self.head_size:
            raise InputError(f"width {width}: expected a positive multiple of the head size {self.head_size}")
        return LlamaShape(
            vocabulary=self.vocabulary,
            context=self.context,
            depth=max(2, round(1.2 * (width / 16) ** 0.6)),
            width=width,
            head_size=self.head_size,
            hidden=-(-8 * width // 3 // 16) * 16,
        )
