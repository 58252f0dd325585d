"""The norm of all gradients, wherever their parts lie, and its bound."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from scalewright.training.mesh import Mesh


def clip(parameters: Iterable[nn.Parameter], largest: float, mesh: Mesh) -> Tensor:
    """Scales the gradients down where their norm exceeds `largest`; returns the norm before, the same on every process."""
    alike: dict[object, list[nn.Parameter]] = {}
    for parameter in parameters:
        if parameter.grad is not None:
            # Torch takes no norm over tensors of different meshes.
            alike.setdefault(mesh_of(parameter), []).append(parameter)
    if set(alike) == {None} and mesh.size("pipeline") == 1:
        return nn.utils.clip_grad_norm_(alike[None], largest)
    gradients = [[each.grad for each in group if each.grad is not None] for group in alike.values()]
    norms = [_whole(nn.utils.get_total_norm(group)) for group in gradients]
    norm = mesh.sum(torch.stack(norms).square().sum(), "pipeline").sqrt()
    for group in alike.values():
        nn.utils.clip_grads_with_norm_(group, largest, norm)
    return norm


def mesh_of(parameter: Tensor) -> object:
    """What a parameter is spread over; None for one that is whole here."""
    return parameter.device_mesh if isinstance(parameter, DTensor) else None


def _whole(norm: Tensor) -> Tensor:
    return norm.full_tensor() if isinstance(norm, DTensor) else norm
