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

The rates are those of AdamW; `slower_adamw`, `slower_sgd` and `slower_muon` tell each optimiser's own and why.

CompleteP multiplies each branch of the residual stream by 1/l; here that factor is folded into the matrix that writes the
branch, its rate and its decay, which under Adam gives the same function at every step (abc-symmetry, Yang & Hu 2021). So
the model has no multipliers and is a plain Llama from its first step to its export.

Convolutions read a fan-in of their filters' places times channels, which grows with the width but for the first: that one
sees the colours alone. Followed by ReLU they begin at √(2/fan-in) (He et al. 2015, arXiv:1502.01852).
"""

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

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
        spreading: m, of its fan-out.
        inner: l, of weights inside a branch of a residual stream: their gradient comes through the matrix that writes it.
        hidden: Whether it is a matrix from one hidden layer to another, both of which widen.
    """

    deviation: float
    mean: float = 0.0
    widening: float = 1.0
    deepening: float = 1.0
    decays: bool = True
    spreading: float = 1.0
    inner: float = 1.0
    hidden: bool = False


Roles = Mapping[str, Role]
"""By the names of a model's parameters."""


Draw = Callable[[Tensor], Tensor]
"""Fills a tensor on the processor, of a whole weight's shape, with its initial values."""


def initialise(
    model: nn.Module,
    roles: Roles,
    seed: int,
    put: Callable[[nn.Parameter, Draw], object] = lambda weight, draw: draw(weight),
) -> None:
    """Draws the initial weights of `model`, in the order of its parameters, from `seed`.

    Args:
        model: On the processor, or laid out as `put` knows.
        roles: Of its weights.
        seed: Of the one generator that all are drawn from.
        put: Has a weight's values drawn, once for each weight and in their order, and puts them where they belong.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        role = roles[name]
        if role.deviation == 0:
            put(parameter, partial(nn.init.constant_, val=role.mean))
        else:
            put(parameter, partial(nn.init.normal_, mean=role.mean, std=role.deviation, generator=generator))


def slower_adamw(role: Role, size: torch.Size) -> float:
    """m·l: how many times slower than η AdamW moves a weight.

    Each entry moves by about the rate, whatever its gradient's size, and the entries of an update are aligned with what is
    read: their sum over the fan-in grows with it. A matrix that writes a stream carries the branch's factor 1/l in itself.
    """
    return role.widening * role.deepening


def slower_sgd(role: Role, size: torch.Size) -> float:
    """m_in/m_out · l_writer/l_inner: how many times slower than η SGD moves a weight.

    µP's table for SGD has rates n for the embedding, gains and biases, 1 for hidden matrices and 1/n for the head (Yang & Hu
    2021, arXiv:2011.14522; Yang et al. 2022, arXiv:2203.03466, table 3): all of them are m_out/m_in. For ΔW·x = −η·dh·(x·x):
    the gradient dh of a layer of n_out numbers is 1/n_out in each, as the head's weights are 1/n, and x·x is n_in.

    In depth the gradient of a weight inside a branch comes through the matrix that writes the stream, which is 1/l: its rate
    is l. The writer itself gets the stream's gradient whole and, carrying the branch's factor 1/l, may move by 1/l.
    """
    return role.widening * role.deepening / (role.spreading * role.inner)


def slower_muon(role: Role, size: torch.Size) -> float:
    """√(m_in·r/m_out) · l: how many times slower than η Muon moves a hidden matrix.

    Features move by the same at every width when the spectral norm of an update goes as √(n_out/n_in) (Yang, Simon &
    Bernstein 2023, arXiv:2310.17813). Orthogonalised, an update has the norm 1; torch's `match_rms_adamw` makes it
    0.2·√max(n_out, n_in), with which its entries are as large as AdamW's (Liu et al. 2025, arXiv:2502.16982): so one η serves
    both at the base width, and here that factor is held at its value there while √(m_out/m_in) is added. r is the quotient of
    max(n_out, n_in) here and at the base; where all widths grow by m, the whole is √m. Like AdamW's, the update does not
    know its gradient's size: in depth the writers alone are slower.
    """
    outputs, inputs = size
    ratio = max(outputs, inputs) / max(outputs / role.spreading, inputs / role.widening)
    return math.sqrt(role.widening * ratio / role.spreading) * role.deepening


SLOWER: dict[str, Callable[[Role, torch.Size], float]] = {
    "adamw": slower_adamw,
    "sgd": slower_sgd,
    "muon": slower_muon,
}


def parameter_groups(
    parameters: Iterable[tuple[str, nn.Parameter]],
    roles: Roles,
    recipe: Recipe,
    apart: Callable[[nn.Parameter], object] = lambda parameter: None,
) -> list[dict[str, Any]]:
    """Groups for an optimiser with their rate at full heat in `peak`; a schedule sets `lr` to its factor times `peak`.

    Each names the optimiser that moves it in `by`. Weight decay times rate is that of the recipe in every group that decays:
    over as many steps as many of the old weights are forgotten.

    Args:
        parameters: By the names of a model's parameters.
        roles: Of that model.
        recipe: Its rate, decay and optimiser.
        apart: Parameters of which it says different things come in different groups.
    """
    alike: dict[tuple[str, float, bool, object], list[nn.Parameter]] = {}
    for name, parameter in parameters:
        role, by = roles[name], recipe.optimiser
        if by == "muon" and not (role.hidden and parameter.ndim == 2):
            by = "adamw"
        slower = SLOWER[by](role, parameter.shape)
        alike.setdefault((by, slower, role.decays, apart(parameter)), []).append(parameter)
    return [
        {
            "params": members,
            "lr": recipe.learning_rate / slower,
            "peak": recipe.learning_rate / slower,
            "weight_decay": recipe.weight_decay * slower if decays else 0.0,
            "by": by,
        }
        for (by, slower, decays, _), members in alike.items()
    ]


def llama_roles(model: Llama, recipe: Recipe) -> Roles:
    """Of the trunk's weights."""
    shape = model.shape
    widening, deepening = shape.width / recipe.base_width, shape.depth / recipe.base_depth
    base_attention = -(-recipe.base_width // shape.head_size) * shape.head_size
    attention = shape.attention_width / base_attention
    roles = {}
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            inner = deepening if name.startswith("layers.") else 1.0
            roles[name] = Role(0.0, mean=1.0, decays=False, spreading=widening, inner=inner)
        elif name == "embed_tokens.weight":
            roles[name] = Role(1.0, spreading=widening)
        elif name == "lm_head.weight":
            roles[name] = Role(0.0, widening=widening)
        elif any(writer in name for writer in WRITERS):
            own = attention if "o_proj" in name else widening
            deviation = parameter.shape[1] ** -0.5 / deepening
            roles[name] = Role(deviation, widening=own, deepening=deepening, spreading=widening, hidden=True)
        else:
            spreading = attention if "self_attn" in name else widening
            deviation = parameter.shape[1] ** -0.5
            roles[name] = Role(deviation, widening=widening, spreading=spreading, inner=deepening, hidden=True)
    return roles


def vgg_roles(model: VGG, recipe: Recipe) -> Roles:
    """Of a VGG's weights: nothing is added to a stream, so depth, which is one for all, plays no part."""
    widening = model.shape.width / recipe.base_width
    last = f"classifier.{len(model.classifier) - 1}"
    roles = {}
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            gain = name.startswith("features") and name.endswith("weight")
            spreading = 1.0 if name.startswith(last) else widening
            roles[name] = Role(0.0, mean=float(gain), decays=False, spreading=spreading)
        elif name == f"{last}.weight":
            roles[name] = Role(0.0, widening=widening)
        else:
            first = name == "features.0.weight"
            deviation = (2 / parameter[0].numel()) ** 0.5
            inputs = 1.0 if first else widening
            roles[name] = Role(deviation, widening=inputs, spreading=widening, hidden=not first)
    return roles
