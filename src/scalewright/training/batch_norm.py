"""Batch normalisation over the rows of all replicas, as one process would see them (Ioffe & Szegedy 2015, arXiv:1502.03167).

torch's own SyncBatchNorm has kernels for accelerators alone; this one is made of plain operations, on every device.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from scalewright.training.mesh import DATA, Mesh

Summed = Callable[[Tensor], Tensor]
"""A tensor's sum over all replicas."""


class TogetherFunction(torch.autograd.Function):
    """(x − mean)/√(variance + ε) · gain + bias with mean and variance of all replicas' rows, in fp32 under any autocast."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gain: Tensor, bias: Tensor, epsilon: float, replicas: int, summed: Summed
    ) -> tuple[Tensor, Tensor, Tensor]:
        """x [B, C, ...] normalised, in its dtype; mean and variance [C]. All replicas have as many rows."""
        wide, others = x.float(), [axis for axis in range(x.ndim) if axis != 1]
        count = replicas * x.numel() // x.shape[1]
        mean = summed(wide.sum(others)) / count
        # Of what is left without the mean: the difference of two sums of squares would lose the digits that they share.
        rest = wide - _over_channels(mean, x)
        variance = summed(rest.square().sum(others)) / count
        scale = (variance + epsilon).rsqrt()
        normal = rest.mul_(_over_channels(scale, x))
        ctx.save_for_backward(normal, scale, gain)
        ctx.count, ctx.summed, ctx.others = count, summed, others
        ctx.mark_non_differentiable(mean, variance)
        out = torch.addcmul(_over_channels(bias.float(), x), normal, _over_channels(gain.float(), x))
        return out.to(x.dtype), mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """With n = (x − mean)·s: dx = gain·s·(g − Σg/N − n·Σ(g·n)/N), the sums over all replicas; dgain = Σ g·n and dbias = Σ g
        over a replica's own rows, for they are summed with the other gradients."""
        normal, scale, gain = ctx.saved_tensors
        gradient = gradients[0].float()
        d_bias, d_gain = gradient.sum(ctx.others), (gradient * normal).sum(ctx.others)
        of_all = ctx.summed(torch.stack([d_bias, d_gain])) / ctx.count
        from_mean, from_scale = (_over_channels(each, normal) for each in of_all)
        d_x = (gradient - from_mean - normal * from_scale) * _over_channels(scale * gain.float(), normal)
        return d_x.to(gradients[0].dtype), d_gain.to(gain.dtype), d_bias.to(gain.dtype), None, None, None


def normalise_together(module: nn.Module, mesh: Mesh) -> None:
    """Has the batch norms inside a module see the rows of all replicas in training, in place; evaluation stays as it is."""
    if mesh.share[1] == 1:
        return
    norms: list[Any] = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.forward = _together(norm, mesh)


def _together(norm: nn.BatchNorm2d, mesh: Mesh) -> Callable[[Tensor], Tensor]:
    alone, replicas = norm.forward, mesh.share[1]

    def together(x: Tensor) -> Tensor:
        if not norm.training:
            return alone(x)
        out, mean, variance = TogetherFunction.apply(  # type: ignore[no-untyped-call]
            x, norm.weight, norm.bias, norm.eps, replicas, lambda part: mesh.sum(part, *DATA)
        )
        _remember(norm, mean, variance, replicas * x.numel() // x.shape[1])
        normalised: Tensor = out
        return normalised

    return together


@torch.no_grad()
def _remember(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, count: int) -> None:
    # As torch's own norm does: of the variance, what is not biased.
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    assert norm.momentum is not None
    norm.num_batches_tracked.add_(1)
    norm.running_mean.lerp_(mean, norm.momentum)
    norm.running_var.lerp_(variance * count / max(1, count - 1), norm.momentum)


def _over_channels(values: Tensor, like: Tensor) -> Tensor:
    return values.view(1, -1, *[1] * (like.ndim - 2))
