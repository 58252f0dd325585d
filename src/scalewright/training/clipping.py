"""The norm of all gradients, wherever their parts lie, and its bound."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from scalewright.planning.recipe import Recipe
from scalewright.training.mesh import Mesh, mesh_of


def clip(parameters: Iterable[nn.Parameter], optimiser: torch.optim.Optimizer, recipe: Recipe, mesh: Mesh) -> Tensor:
    """Scales all gradients down together where their norm is above the recipe's; returns the norm before, the same on every
    process.

    Under AdamW and Muon, whose steps do not know their gradient's size, the norm is the usual one. Under SGD the norm itself
    decides how far a step goes and the head's gradient alone grows as √n, so each group's square counts by its rate over η:
    the sum is what a step takes off the loss, to first order, and is the same at every width.
    """
    spread = [parameter for parameter in parameters if parameter.grad is not None]
    by_rate = recipe.optimiser == "sgd"
    if not by_rate and mesh.size("pipeline") == 1 and all(mesh_of(parameter) is None for parameter in spread):
        return nn.utils.clip_grad_norm_(spread, recipe.clip)
    squares = []
    for group in optimiser.param_groups:
        # Those of a group are spread alike: torch takes no norm over tensors of different meshes.
        gradients = [parameter.grad for parameter in group["params"] if parameter.grad is not None]
        if gradients:
            share = group["peak"] / recipe.learning_rate if by_rate else 1.0
            squares.append(_whole(nn.utils.get_total_norm(gradients)).square() * share)
    norm = mesh.sum(torch.stack(squares).sum(), "pipeline").sqrt()
    for group in optimiser.param_groups:
        nn.utils.clip_grads_with_norm_(group["params"], recipe.clip, norm)
    return norm


def _whole(norm: Tensor) -> Tensor:
    return norm.full_tensor() if isinstance(norm, DTensor) else norm
