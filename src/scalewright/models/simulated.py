"""Training in a low-bit format that no hardware here has: matrix products of numbers rounded to it.

Rounded are, before each product of a layer's matrices, the weights and the inputs, row by row. Embedding, head, norms,
attention's own products, sums and all gradients stay in fp32, as do the weights that the optimiser moves.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from scalewright.errors import InputError
from scalewright.models.llama import Llama
from scalewright.models.low_bit import FORMATS, Format, rounded_rows


class RoundedFunction(torch.autograd.Function):
    """Rounds; gradients go straight through (Bengio, Léonard & Courville 2013, arXiv:1308.3432)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, form: Format) -> Tensor:
        """`x` [..., n] in the format, row by row."""
        return rounded_rows(x, form)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """As if nothing had been rounded."""
        return gradients[0], None


class SimulatedLinear(nn.Module):
    """A linear map of rounded inputs by rounded weights; holds the map's own weights, under their own names."""

    bias: nn.Parameter | None

    def __init__(self, linear: nn.Linear, form: Format) -> None:
        super().__init__()
        self.weight = linear.weight
        self.register_parameter("bias", linear.bias)
        self.out_features = linear.out_features
        self.form = form

    def forward(self, x: Tensor) -> Tensor:
        """Q(x) · Q(weight)ᵀ, summed in fp32."""
        return F.linear(_rounded(x, self.form), _rounded(self.weight, self.form), self.bias)


def simulate(model: nn.Module, precision: str) -> list[tuple[nn.Module, str, nn.Linear]]:
    """Has the layers of a trunk compute in a simulated format, in place; in any other precision leaves a model as it is.

    Returns:
        What was replaced: the module that held it, its name there, and the plain map.

    Raises:
        InputError: a model that is no trunk.
    """
    if precision not in FORMATS:
        return []
    if not isinstance(model, Llama):
        raise InputError(
            f"precision {precision}: {type(model).__name__} has no layers to simulate it in, a Llama has: train it in fp32"
        )
    plain = [
        (module, name, child)
        for module in model.layers.modules()
        for name, child in module.named_children()
        if isinstance(child, nn.Linear)
    ]
    for module, name, linear in plain:
        setattr(module, name, SimulatedLinear(linear, FORMATS[precision]))
    return plain


@contextmanager
def simulated(model: nn.Module, precision: str) -> Iterator[None]:
    """The same for a while."""
    plain = simulate(model, precision)
    try:
        yield
    finally:
        for module, name, linear in plain:
            setattr(module, name, linear)


def _rounded(x: Tensor, form: Format) -> Tensor:
    rounded: Tensor = RoundedFunction.apply(x, form)  # type: ignore[no-untyped-call]
    return rounded
