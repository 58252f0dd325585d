"""Causal attention, in several ways that give the same numbers but for rounding: which is fastest depends on the machine.

Tensor names carry their axes: B batch, H heads, T time, S time seen so far, K one head's size.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
AttentionName = Literal["usual", "blocks", "fused"]

_MOST_BLOCKS, _LEAST_ROWS = 4, 32


def attend(q_BHTK: Tensor, k_BHSK: Tensor, v_BHSK: Tensor) -> Tensor:
    """Causal attention of the last T of S positions.

    On CUDA torch's fused kernel. On processors the plain products: at the contexts trained there the fused kernel's
    backward pass measured five times slower in bf16 (docs/log.md, 2026-11-23, attention).
    """
    time, seen = q_BHTK.shape[2], k_BHSK.shape[2]
    if q_BHTK.is_cuda and time == seen:
        return F.scaled_dot_product_attention(q_BHTK, k_BHSK, v_BHSK, is_causal=True)
    mask_TS = torch.full((time, seen), float("-inf"), dtype=q_BHTK.dtype, device=q_BHTK.device).triu_(seen - time + 1)
    scores = torch.baddbmm(
        mask_TS, q_BHTK.flatten(0, 1), k_BHSK.flatten(0, 1).transpose(1, 2), alpha=q_BHTK.shape[-1] ** -0.5
    )
    return torch.bmm(scores.softmax(-1), v_BHSK.flatten(0, 1)).view_as(q_BHTK)


def attend_in_blocks(q_BHTK: Tensor, k_BHSK: Tensor, v_BHSK: Tensor) -> Tensor:
    """The same, in blocks of rows, each with the keys up to its last row alone: with four blocks three eighths of the scores
    are never made."""
    time, seen = q_BHTK.shape[2], k_BHSK.shape[2]
    count = blocks(time)
    if time != seen or count < 2:
        return attend(q_BHTK, k_BHSK, v_BHSK)
    ends = [time * number // count for number in range(count + 1)]
    parts = [attend(q_BHTK[:, :, begin:end], k_BHSK[:, :, :end], v_BHSK[:, :, :end]) for begin, end in pairwise(ends)]
    return torch.cat(parts, dim=2)


def blocks(time: int) -> int:
    """Of so many rows."""
    return min(_MOST_BLOCKS, time // _LEAST_ROWS)


def attend_fused(q_BHTK: Tensor, k_BHSK: Tensor, v_BHSK: Tensor) -> Tensor:
    """By torch's fused kernel, which keeps no scores."""
    if q_BHTK.shape[2] != k_BHSK.shape[2]:
        return attend(q_BHTK, k_BHSK, v_BHSK)
    return F.scaled_dot_product_attention(q_BHTK, k_BHSK, v_BHSK, is_causal=True)


ATTENTIONS: dict[AttentionName, Attend] = {"usual": attend, "blocks": attend_in_blocks, "fused": attend_fused}
"""By the names that a training's way has for them."""
