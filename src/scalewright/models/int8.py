"""Weights in int8: each row of a matrix as whole numbers from -127 to 127 times one scale."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

SCALE = ".scale"


def compress_row(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Rounds a matrix [rows, columns] to the nearest int8 of each row's scale, max|w|/127; returns both."""
    scale = weight.float().abs().amax(1, keepdim=True).clamp_min(1e-12) / 127
    return torch.round(weight.float() / scale).to(torch.int8), scale.squeeze(1)


def compress_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every matrix in int8 with its scales beside it under `NAME.scale`; vectors stay as they are."""
    compressed: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if weight.ndim == 2:
            compressed[name], compressed[name + SCALE] = compress_row(weight)
        else:
            compressed[name] = weight
    return compressed


def expand_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The fp32 values that compressed weights stand for."""
    return {
        name: weight.float() * weights[name + SCALE][:, None] if name + SCALE in weights else weight
        for name, weight in weights.items()
        if not name.endswith(SCALE)
    }


class Int8Linear(nn.Module):
    """A linear map whose weight stays in int8 in memory; products run in the input's precision."""

    weight: Tensor
    scale: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight, scale = compress_row(linear.weight.detach())
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor) -> Tensor:
        """x · (scale · weight)ᵀ."""
        return nn.functional.linear(x, self.weight.to(x.dtype)) * self.scale.to(x.dtype)


class Int8Embedding(nn.Module):
    """An embedding whose rows stay in int8 in memory."""

    weight: Tensor
    scale: Tensor

    def __init__(self, embedding: nn.Embedding) -> None:
        super().__init__()
        weight, scale = compress_row(embedding.weight.detach())
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale)

    def forward(self, tokens: Tensor) -> Tensor:
        """Rows of the table, in fp32."""
        return self.weight[tokens].float() * self.scale[tokens].unsqueeze(-1)


def to_int8(module: nn.Module) -> nn.Module:
    """Replaces every linear map and embedding inside `module` by its int8 form, in place."""
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            setattr(module, name, Int8Linear(child))
        elif isinstance(child, nn.Embedding):
            setattr(module, name, Int8Embedding(child))
        else:
            to_int8(child)
    return module
