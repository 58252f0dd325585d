"""Some layers of a model, for a pipeline: names of weights are those of the whole model."""

from typing import cast

from torch import Tensor, nn

from scalewright.models.llama import Block, Llama


class LlamaStage(nn.Module):
    """Layers `first` to `last` - 1 of the trunk, with its embedding before the first of all and its head after the last."""

    cos_TK: Tensor
    sin_TK: Tensor

    def __init__(self, model: Llama, first: int, last: int) -> None:
        super().__init__()
        self.embed_tokens = model.embed_tokens if first == 0 else None
        self.layers = nn.ModuleDict({str(number): model.layers[number] for number in range(first, last)})
        whole = last == len(model.layers)
        self.norm = model.norm if whole else None
        self.lm_head = model.lm_head if whole else None
        self.register_buffer("cos_TK", model.cos_TK, persistent=False)
        self.register_buffer("sin_TK", model.sin_TK, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens [B, T], or the stream [B, T, D] of the stage before, to the stream or to logits [B, T, V]."""
        x_BTD = x if self.embed_tokens is None else self.embed_tokens(x)
        for layer in self.layers.values():
            x_BTD = cast(Block, layer)(x_BTD, self.cos_TK, self.sin_TK)
        if self.lm_head is None or self.norm is None:
            return x_BTD
        logits_BTV: Tensor = self.lm_head(self.norm(x_BTD))
        return logits_BTV
