"""One learning rate for every width and depth: initial sizes and rates in µP's and CompleteP's proportions.

Yang & Hu 2021 (arXiv:2011.14522, Tensor Programs IV) and Yang et al. 2022 (arXiv:2203.03466) for the width,
Dey et al. 2025 (arXiv:2505.01618, CompleteP) for the depth. With m = width/base width and l = depth/base depth:

    weight               initial deviation          rate        decay rate
    embedding            1                          η           λ
    norm gains           1 (constant)               η           0
    biases               0 (constant)               η           0
    matrices reading x   1/√fan-in                  η/m         λ·m
    matrices writing x   1/√fan-in/l                η/(m·l)     λ·m·l    (m by their own fan-in)
    head                 0                          η/m         λ·m

CompleteP multiplies each branch of the residual stream by 1/l; here that factor is folded into the matrix that writes the
branch, its rate and its decay, which under Adam gives the same function at every step (abc-symmetry, Yang & Hu 2021). So
the model has no multipliers and is a plain Llama from its first step to its export.

Convolutions read a fan-in of their filters' places times channels, which grows with the width but for the first: that one
sees the colours alone. Followed by ReLU they begin at √(2/fan-in) (He et al. 2015, arXiv:1502.01852).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from scalewright.models.llama import Llama
from scalewright.models.vgg import VGG
from scalewright.planning.recipe import Recipe

WRITERS = ("o_proj", "down_proj")


class Role(NamedTuple):
    """What a weight does in its model.

    Attributes:
        deviation: Of its initial values.
        mean: Of them: 1 for gains.
        widening: m, of its fan-in.
        deepening: l, of matrices that write a residual stream.
        decays: Whether it is drawn to zero.
    """

    deviation: float
    mean: float = 0.0
    widening: float = 1.0
    deepening: float = 1.0
    decays: bool = True


Roles = Mapping[str, Role]
"""By the names of a model's parameters."""


def initialise(model: nn.Module, roles: Roles, seed: int) -> None:
    """Draws the initial weights of `model`, in the order of its parameters, from `seed`."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        role = roles[name]
        if role.deviation == 0:
            nn.init.constant_(parameter, role.mean)
        else:
            nn.init.normal_(parameter, role.mean, role.deviation, generator)


def parameter_groups(
    parameters: Iterable[tuple[str, nn.Parameter]],
    roles: Roles,
    recipe: Recipe,
    apart: Callable[[nn.Parameter], object] = lambda parameter: None,
) -> list[dict[str, Any]]:
    """Groups for an optimiser with their rate at full heat in `peak`; a schedule sets `lr` to its factor times `peak`.

    Args:
        parameters: By the names of a model's parameters.
        roles: Of that model.
        recipe: Its rate and decay.
        apart: Parameters of which it says different things come in different groups.
    """
    alike: dict[tuple[float, bool, object], list[nn.Parameter]] = {}
    for name, parameter in parameters:
        role = roles[name]
        alike.setdefault((role.widening * role.deepening, role.decays, apart(parameter)), []).append(parameter)
    return [
        {
            "params": members,
            "lr": recipe.learning_rate / slower,
            "peak": recipe.learning_rate / slower,
            "weight_decay": recipe.weight_decay * slower if decays else 0.0,
        }
        for (slower, decays, _), members in alike.items()
    ]


def llama_roles(model: Llama, recipe: Recipe) -> Roles:
    """Of the trunk's weights."""
    shape = model.shape
    widening, deepening = shape.width / recipe.base_width, shape.depth / recipe.base_depth
    base_attention = -(-recipe.base_width // shape.head_size) * shape.head_size
    roles = {}
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            roles[name] = Role(0.0, mean=1.0, decays=False)
        elif name == "embed_tokens.weight":
            roles[name] = Role(1.0)
        elif name == "lm_head.weight":
            roles[name] = Role(0.0, widening=widening)
        elif any(writer in name for writer in WRITERS):
            own = shape.attention_width / base_attention if "o_proj" in name else widening
            roles[name] = Role(parameter.shape[1] ** -0.5 / deepening, widening=own, deepening=deepening)
        else:
            roles[name] = Role(parameter.shape[1] ** -0.5, widening=widening)
    return roles


def vgg_roles(model: VGG, recipe: Recipe) -> Roles:
    """Of a VGG's weights: nothing is added to a stream, so depth, which is one for all, plays no part."""
    widening = model.shape.width / recipe.base_width
    last = len(model.classifier) - 1
    roles = {}
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            gain = name.startswith("features") and name.endswith("weight")
            roles[name] = Role(0.0, mean=float(gain), decays=False)
        elif name == f"classifier.{last}.weight":
            roles[name] = Role(0.0, widening=widening)
        else:
            first = name == "features.0.weight"
            roles[name] = Role((2 / parameter[0].numel()) ** 0.5, widening=1.0 if first else widening)
    return roles
