"""The VGG16 family (Simonyan & Zisserman 2014, arXiv:1409.1556): one dial, the width, fixes every shape."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple, Self

from pydantic import Field, model_validator

from scalewright.architectures.decoder import Product
from scalewright.documents import Part
from scalewright.errors import InputError

PUBLISHED_WIDTH, PUBLISHED_HIDDEN = 64, 4096
STAGES = ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3))
"""Of each stage: channels over the first stage's, and convolutions. It ends by halving the picture."""
KERNEL, COLOURS = 3, 3
HALVINGS = len(STAGES)


class Convolution(NamedTuple):
    """One convolution of 3 x 3 on a picture of `edge` x `edge`, with padding."""

    inputs: int
    outputs: int
    edge: int

    @property
    def product(self) -> Product:
        """The matrix product that it is: a row for each place of the picture."""
        return Product(self.edge**2, KERNEL**2 * self.inputs, self.outputs)


class VGGShape(Part):
    """One VGG: every number that its weights and its arithmetic depend on.

    Attributes:
        classes: What a picture may show.
        pixels: Edge of the square pictures.
        width: Channels of the first stage.
        hidden: Widths of the classifier's inner layers.
        pooled: Edge to which the last stage's picture is averaged, or repeated, for the classifier.
        batch_norm: Whether each convolution is normalised over the batch (Ioffe & Szegedy 2015, arXiv:1502.03167).
    """

    classes: int = Field(ge=1)
    pixels: int = Field(ge=2**HALVINGS)
    width: int = Field(default=PUBLISHED_WIDTH, ge=1)
    hidden: tuple[int, ...] = (PUBLISHED_HIDDEN, PUBLISHED_HIDDEN)
    pooled: int = Field(default=7, ge=1)
    batch_norm: bool = False

    @model_validator(mode="after")
    def _hidden_layers_are_some_width(self) -> Self:
        if min(self.hidden, default=1) < 1:
            raise ValueError(f"hidden layers of {self.hidden}: expected positive widths")
        return self

    @property
    def convolutions(self) -> tuple[Convolution, ...]:
        """In the order of the arithmetic."""
        return tuple(self._convolutions())

    @property
    def linear(self) -> tuple[tuple[int, int], ...]:
        """Inputs and outputs of the classifier's layers."""
        widths = (self.pooled**2 * self.convolutions[-1].outputs, *self.hidden, self.classes)
        return tuple(pairwise(widths))

    @property
    def params(self) -> int:
        """Weights that take part in products: filters and matrices."""
        filters = sum(KERNEL**2 * each.inputs * each.outputs for each in self.convolutions)
        return filters + sum(inputs * outputs for inputs, outputs in self.linear)

    @property
    def params_total(self) -> int:
        """All weights: those, biases, and the norms' gains and shifts."""
        channels = sum(each.outputs for each in self.convolutions)
        vectors = channels * (3 if self.batch_norm else 1) + sum(outputs for _, outputs in self.linear)
        return self.params + vectors

    @property
    def forward_flops_per_image(self) -> int:
        """FLOPs of a forward pass: its products, as `torch.utils.flop_counter` counts."""
        products = sum(int(each.product.flops) for each in self.convolutions)
        return products + sum(2 * inputs * outputs for inputs, outputs in self.linear)

    @property
    def tokens_per_row(self) -> int:
        """The unit of data is the picture."""
        return 1

    @property
    def train_flops_per_token(self) -> int:
        """FLOPs of a training step per picture: the backward pass costs two forward passes, but for the picture's gradient."""
        return 3 * self.forward_flops_per_image - int(self.convolutions[0].product.flops)

    def _convolutions(self) -> Iterator[Convolution]:
        inputs, edge = COLOURS, self.pixels
        for times, count in STAGES:
            for _ in range(count):
                yield Convolution(inputs, times * self.width, edge)
                inputs = times * self.width
            edge //= 2


class VGGFamily(Part):
    """Shapes for pictures of one size and number of classes, ordered by width; the classifier's inner layers are as many times
    as wide as the first stage as in the published network."""

    classes: int
    pixels: int
    batch_norm: bool = True
    pooled: int = 7
    step: int = 4
    """Step of the dial."""

    def shape(self, width: int) -> VGGShape:
        """The shape of a width, a multiple of the dial's step.

        Raises:
            InputError: the width is not a positive multiple of the step.
        """
        if width <= 0 or width % self.step:
            raise InputError(f"width {width}: expected a positive multiple of {self.step}")
        inner = width * PUBLISHED_HIDDEN // PUBLISHED_WIDTH
        return VGGShape(
            classes=self.classes,
            pixels=self.pixels,
            width=width,
            hidden=(inner, inner),
            pooled=self.pooled,
            batch_norm=self.batch_norm,
        )
