"""Operations whose derivative, written out, saves memory traffic that autograd would spend.

On processors the small models of a ladder are bound by these passes over memory, not by matrix products.
"""

from typing import Any

import torch
from torch import Tensor


class RMSNormFunction(torch.autograd.Function):
    """x / rms(x) · gain in fp32 under any autocast (Zhang & Sennrich 2019, arXiv:1910.07467)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor, epsilon: float) -> Tensor:
        """Normalised `x`, in fp32."""
        x = x.float()
        scale = torch.rsqrt(x.square().mean(-1, keepdim=True).add_(epsilon))
        normal = x * scale
        ctx.save_for_backward(normal, scale, gain)
        return normal * gain

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        """With n = x/rms: dx = (g·gain − n · mean(g·gain·n)) / rms and dgain = Σ g·n."""
        normal, scale, gain = ctx.saved_tensors
        gradient = gradients[0].float()
        d_gain = (gradient * normal).flatten(0, -2).sum(0)
        d_normal = gradient * gain
        along = (d_normal * normal).mean(-1, keepdim=True)
        return torch.addcmul(d_normal, normal, along, value=-1).mul_(scale), d_gain, None


class CrossEntropyFunction(torch.autograd.Function):
    """Mean cross-entropy in fp32 with its gradient made in the forward pass: one exponential per logit, not two."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, label_smoothing: float, z_loss: float) -> Tensor:
        """Mean over positions of −Σ_v q_v log softmax(logits)_v + z·log²Z, logits [n, V], targets [n].

        q is 1 − ε at the target and ε/V at every class besides, Z = Σ_v exp(logit_v); with ε = z = 0 it is plain.
        """
        losses, gradient = _losses(logits, targets, label_smoothing, z_loss)
        ctx.save_for_backward(gradient.div_(len(targets)).to(logits.dtype))
        return losses.mean()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """(softmax(logits)·(1 + 2z·log Z) − q) / n."""
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0].to(gradient.dtype), None, None, None


class HeadLossFunction(torch.autograd.Function):
    """The head and its mean cross-entropy in parts of the rows, both gradients made in the forward pass: the logits of one part
    alone are ever there (Hsu et al. 2024, arXiv:2410.10989)."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, targets: Tensor, label_smoothing: float, z_loss: float, parts: int
    ) -> Tensor:
        """Mean over rows, of x [n, k], weight [V, k], targets [n]."""
        dtype = _product_dtype(weight)
        low = weight.to(dtype)
        d_x, d_weight = torch.empty_like(x), torch.zeros_like(weight)
        total = torch.zeros((), device=x.device)
        for rows, wanted, d_rows in zip(*(each.tensor_split(parts) for each in (x, targets, d_x)), strict=True):
            lowered = rows.to(dtype)
            losses, gradient = _losses(torch.mm(lowered, low.T), wanted, label_smoothing, z_loss)
            d_logits = gradient.to(dtype)  # divided by the rows they would be lost in fp16
            d_rows.copy_(torch.mm(d_logits, low))
            d_weight.add_(torch.mm(d_logits.T, lowered))
            total = total + losses.sum()
        ctx.save_for_backward(d_x.div_(len(targets)), d_weight.div_(len(targets)))
        return total / len(targets)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None, None]:
        """Both, times what the loss is multiplied by."""
        d_x, d_weight = ctx.saved_tensors
        return d_x * gradients[0], d_weight * gradients[0], None, None, None, None


class JoinedLinearFunction(torch.autograd.Function):
    """Linear maps of one input as one product. Kept for the backward pass are the weights as they are, not their copy side by
    side: sharded training may free them in between."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *weights: Tensor) -> Tensor:
        """Outputs side by side: x [..., k], weights [n, k]."""
        dtype = _product_dtype(weights[0])
        rows = x.flatten(0, -2).to(dtype)
        ctx.save_for_backward(rows, *weights)
        ctx.shape, ctx.dtype = x.shape, x.dtype
        return torch.mm(rows, torch.cat(weights).to(dtype).T).view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        """dx = g W and dW = gᵀ x, cut into the weights' rows."""
        rows, *weights = ctx.saved_tensors
        gradient = gradients[0].flatten(0, -2)
        d_rows = torch.mm(gradient, torch.cat(weights).to(gradient.dtype))
        d_weights = torch.mm(gradient.T, rows).to(weights[0].dtype)
        parts = torch.split(d_weights, [len(weight) for weight in weights])
        return d_rows.view(ctx.shape).to(ctx.dtype), *parts


def joined_linear(x: Tensor, *weights: Tensor) -> Tensor:
    """x times each weight transposed, the outputs side by side: small widths compute one product faster than several."""
    mapped: Tensor = JoinedLinearFunction.apply(x, *weights)  # type: ignore[no-untyped-call]
    return mapped


def rms_norm(x: Tensor, gain: Tensor, epsilon: float) -> Tensor:
    """Root-mean-square norm over the last axis, in fp32."""
    normal: Tensor = RMSNormFunction.apply(x, gain, epsilon)  # type: ignore[no-untyped-call]
    return normal


def cross_entropy(logits: Tensor, targets: Tensor, label_smoothing: float = 0.0, z_loss: float = 0.0) -> Tensor:
    """Mean cross-entropy in nats of logits [n, V] against class numbers [n].

    Args:
        logits: of each position.
        targets: the class that is right.
        label_smoothing: ε, the share of the target's probability that all classes divide among them (Szegedy et al. 2015,
            arXiv:1512.00567).
        z_loss: z, the weight of log²Z, which keeps the softmax's normaliser near 1 (Chowdhery et al. 2022, arXiv:2204.02311).
    """
    loss: Tensor = CrossEntropyFunction.apply(logits, targets, label_smoothing, z_loss)  # type: ignore[no-untyped-call]
    return loss


def head_loss(
    x: Tensor, weight: Tensor, targets: Tensor, label_smoothing: float = 0.0, z_loss: float = 0.0, parts: int = 1
) -> Tensor:
    """`cross_entropy` of the logits x·weightᵀ, x [n, k], weight [V, k], of which a part of the rows' are made at a time.

    A backward pass is needed once at most; its gradients are in the dtypes of x and weight.
    """
    loss: Tensor = HeadLossFunction.apply(x, weight, targets, label_smoothing, z_loss, parts)  # type: ignore[no-untyped-call]
    return loss


def _product_dtype(weight: Tensor) -> torch.dtype:
    # Inside a function of its own autocast does not see the product's inputs.
    kind = weight.device.type
    lowered = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    return torch.get_autocast_dtype(kind) if lowered else weight.dtype


def _losses(logits: Tensor, targets: Tensor, label_smoothing: float, z_loss: float) -> tuple[Tensor, Tensor]:
    """The loss of each row, and the gradient of their sum."""
    wide = torch.promote_types(logits.dtype, torch.float32)
    largest = logits.amax(-1, keepdim=True).to(wide)
    powers = (logits.to(wide) - largest).exp_()
    total = powers.sum(-1, keepdim=True)
    at_target = logits.gather(1, targets[:, None]).to(wide)
    log_total = total.log() + largest
    gradient = powers.div_(total)
    if label_smoothing:
        each = logits.mean(-1, keepdim=True, dtype=wide)
        losses = log_total - torch.lerp(at_target, each, label_smoothing)
    else:
        losses = log_total - at_target
    if z_loss:
        losses = losses.add_(log_total.square(), alpha=z_loss)
        gradient.mul_(1 + 2 * z_loss * log_total)
    if label_smoothing:
        gradient.sub_(label_smoothing / logits.shape[-1])
    gradient.scatter_add_(1, targets[:, None], torch.full_like(at_target, label_smoothing - 1.0))
    return losses, gradient
