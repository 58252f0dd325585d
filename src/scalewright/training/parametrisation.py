"""One learning rate for every width and depth: initial sizes and rates in µP's and CompleteP's proportions.

Yang & Hu 2021 (arXiv:2011.14522, Tensor Programs IV) and Yang et al. 2022 (arXiv:2203.03466) for the width,
Dey et al. 2025 (arXiv:2505.01618, CompleteP) for the depth. With m = width/base width and l = depth/base depth:

    weight               initial deviation          rate        decay rate
    embedding            1                          η           λ
    norm gains           1 (constant)               η           0
    matrices reading x   1/√fan-in                  η/m         λ·m
    matrices writing x   1/√fan-in/l                η/(m·l)     λ·m·l    (m by their own fan-in)
    head                 0                          η/m         λ·m

CompleteP multiplies each branch of the residual stream by 1/l; here that factor is folded into the matrix that writes the
branch, its rate and its decay, which under Adam gives the same function at every step (abc-symmetry, Yang & Hu 2021). So
the model has no multipliers and is a plain Llama from its first step to its export.
"""

from typing import Any

import torch
from torch import nn

from scalewright.models.llama import Llama
from scalewright.planning.recipe import Recipe

WRITERS = ("o_proj", "down_proj")


def initialise(model: Llama, recipe: Recipe, seed: int) -> None:
    """Draws the initial weights of `model`, in the order of its parameters, from `seed`."""
    generator = torch.Generator().manual_seed(seed)
    deepening = model.shape.depth / recipe.base_depth
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            nn.init.ones_(parameter)
        elif name == "lm_head.weight":
            nn.init.zeros_(parameter)
        elif name == "embed_tokens.weight":
            nn.init.normal_(parameter, std=1.0, generator=generator)
        else:
            deviation = parameter.shape[1] ** -0.5 / (deepening if _writes(name) else 1.0)
            nn.init.normal_(parameter, std=deviation, generator=generator)


def parameter_groups(model: Llama, recipe: Recipe) -> list[dict[str, Any]]:
    """Groups for AdamW with their rate at full heat in `peak`; a schedule sets `lr` to its factor times `peak`."""
    widening = model.shape.width / recipe.base_width
    base_attention = -(-recipe.base_width // model.shape.head_size) * model.shape.head_size
    attention_widening = model.shape.attention_width / base_attention
    deepening = model.shape.depth / recipe.base_depth
    vectors, embedding, readers, writers, mixers = [], [], [], [], []
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            vectors.append(parameter)
        elif name == "embed_tokens.weight":
            embedding.append(parameter)
        elif "o_proj" in name:
            mixers.append(parameter)
        elif _writes(name):
            writers.append(parameter)
        else:
            readers.append(parameter)
    rate, decay = recipe.learning_rate, recipe.weight_decay
    groups = [
        (vectors, rate, 0.0),
        (embedding, rate, decay),
        (readers, rate / widening, decay * widening),
        (writers, rate / (widening * deepening), decay * widening * deepening),
        (mixers, rate / (attention_widening * deepening), decay * attention_widening * deepening),
    ]
    return [{"params": group, "lr": peak, "peak": peak, "weight_decay": wd} for group, peak, wd in groups]


def _writes(name: str) -> bool:
    return any(writer in name for writer in WRITERS)
