"""Who moves the weights: AdamW, SGD with momentum, or Muon for hidden matrices with AdamW for the rest."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from scalewright.errors import InputError
from scalewright.models.parametrisation import Roles, parameter_groups
from scalewright.planning.recipe import Recipe
from scalewright.training.mesh import mesh_of


def optimiser_of(parameters: Iterable[tuple[str, nn.Parameter]], roles: Roles, recipe: Recipe) -> torch.optim.Optimizer:
    """The optimiser that a recipe asks for, over the groups of `parameter_groups`.

    AdamW: Loshchilov & Hutter 2017 (arXiv:1711.05101). SGD: Sutskever et al. 2013; its weight decay is part of the gradient
    and goes through the momentum. Muon: Jordan et al. 2024 (kellerjordan.github.io/posts/muon).

    Raises:
        InputError: Muon is asked for and the model has nothing for it to move.
    """
    # Torch takes no step over tensors of different meshes together.
    groups = parameter_groups(parameters, roles, recipe, apart=mesh_of)
    if recipe.optimiser == "sgd":
        # Torch 2.13 has one kernel for AdamW's shared-out weights and none for SGD's.
        whole = all(mesh_of(parameter) is None for group in groups for parameter in group["params"])
        return torch.optim.SGD(groups, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=whole or None)
    if recipe.optimiser == "muon":
        return MuonAndAdamW(groups, recipe)
    return adamw(groups, recipe)


def adamw(groups: list[dict[str, Any]], recipe: Recipe) -> torch.optim.AdamW:
    """AdamW as the recipe sets it, in one kernel for all weights of a group."""
    return torch.optim.AdamW(groups, betas=(recipe.beta1, recipe.beta2), eps=recipe.epsilon, fused=True)


class Muon(torch.optim.Muon):
    """torch's Muon, but in fp32 on processors: products of bf16 took 15 to 20 times as long on one that emulates them."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(weight.grad)
                momentum: Tensor = state["momentum_buffer"].lerp_(weight.grad, 1 - group["momentum"])
                update = weight.grad.lerp(momentum, group["momentum"]) if group["nesterov"] else momentum
                # A matrix that is shared out is put together for it, and each process keeps its part of what it comes to.
                whole = update.full_tensor() if isinstance(update, DTensor) else update
                whole = whole.float() if whole.device.type == "cpu" else whole.bfloat16()
                update = orthogonalised(whole, group["ns_coefficients"], group["ns_steps"], group["eps"])
                if isinstance(weight, DTensor):
                    update = distribute_tensor(update, weight.device_mesh, weight.placements, src_data_rank=None)
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(update, alpha=-0.2 * group["lr"] * math.sqrt(max(weight.shape)))


def orthogonalised(x: Tensor, coefficients: tuple[float, float, float], steps: int, epsilon: float) -> Tensor:
    """About U·Vᵀ of x = U·S·Vᵀ, in the dtype of x: singular values between about 0.7 and 1.2, but for those near 0.

    Newton and Schulz's iteration with the coefficients of Jordan et al. 2024 (kellerjordan.github.io/posts/muon).
    """
    a, b, c = coefficients
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / x.norm().clamp(min=epsilon)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


class MuonAndAdamW(torch.optim.Optimizer):
    """Muon for the groups that name it, AdamW for the others, seen as one: one list of groups, one state.

    Args:
        groups: Of `parameter_groups`.
        recipe: Sets momentum, betas and epsilon.

    Raises:
        InputError: no group is Muon's.
    """

    def __init__(self, groups: list[dict[str, Any]], recipe: Recipe) -> None:
        matrices = [group for group in groups if group["by"] == "muon"]
        others = [group for group in groups if group["by"] != "muon"]
        if not matrices:
            raise InputError(
                "optimiser muon: found no matrix between hidden layers, expected at least one: train this model with adamw"
            )
        self._muon = Muon(matrices, momentum=recipe.momentum, nesterov=recipe.nesterov, adjust_lr_fn="match_rms_adamw")
        self._adamw = adamw(others, recipe)
        super().__init__([*self._muon.param_groups, *self._adamw.param_groups], {})
        self._share()

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step of both."""
        self._muon.step()
        self._adamw.step()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a state of `state_dict`."""
        super().load_state_dict(state_dict)
        self._share()

    def _share(self) -> None:
        self._muon.state = self._adamw.state = self.state
        self._muon.param_groups = [group for group in self.param_groups if group["by"] == "muon"]
        self._adamw.param_groups = [group for group in self.param_groups if group["by"] != "muon"]
