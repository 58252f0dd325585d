"""Causal attention, in several ways that give the same numbers but for rounding: which is fastest depends on the machine.

Tensor names carry their axes: B batch, H heads of queries, G heads of keys and values, T time, S time seen so far, K one head's
size. Head h of the queries reads head h G / H of the keys, rounded down.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from scalewright.machines.way import AttentionName

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]

_MOST_BLOCKS, _LEAST_ROWS = 4, 32


def attend(q_BHTK: Tensor, k_BGSK: Tensor, v_BGSK: Tensor) -> Tensor:
    """Causal attention of the last T of S positions.

    On CUDA torch's fused kernel. On processors the plain products: at the contexts trained there the fused kernel's
    backward pass measured five times slower in bf16 (docs/log.md, 2026-11-23, attention).
    """
    heads, time, size = q_BHTK.shape[1:]
    shared, seen = k_BGSK.shape[1:3]
    if q_BHTK.is_cuda and time == seen:
        return attend_fused(q_BHTK, k_BGSK, v_BGSK)
    mask_TS = torch.full((time, seen), float("-inf"), dtype=q_BHTK.dtype, device=q_BHTK.device).triu_(seen - time + 1)
    # Queries that share keys are rows of one product: nothing is copied for each of them.
    together = heads // shared
    rows = q_BHTK.reshape(-1, together * time, size)
    mask = mask_TS if together == 1 else mask_TS.repeat(together, 1)
    scores = torch.baddbmm(mask, rows, k_BGSK.flatten(0, 1).transpose(1, 2), alpha=size**-0.5)
    return torch.bmm(scores.softmax(-1), v_BGSK.flatten(0, 1)).view_as(q_BHTK)


def attend_in_blocks(q_BHTK: Tensor, k_BGSK: Tensor, v_BGSK: Tensor) -> Tensor:
    """The same, in blocks of rows, each with the keys up to its last row alone: with four blocks three eighths of the scores
    are never made."""
    time, seen = q_BHTK.shape[2], k_BGSK.shape[2]
    count = blocks(time)
    if time != seen or count < 2:
        return attend(q_BHTK, k_BGSK, v_BGSK)
    ends = [time * number // count for number in range(count + 1)]
    parts = [attend(q_BHTK[:, :, begin:end], k_BGSK[:, :, :end], v_BGSK[:, :, :end]) for begin, end in pairwise(ends)]
    return torch.cat(parts, dim=2)


def blocks(time: int) -> int:
    """Of so many rows."""
    return min(_MOST_BLOCKS, time // _LEAST_ROWS)


def attend_fused(q_BHTK: Tensor, k_BGSK: Tensor, v_BGSK: Tensor) -> Tensor:
    """By torch's fused kernel, which keeps no scores."""
    if q_BHTK.shape[2] != k_BGSK.shape[2]:
        return attend(q_BHTK, k_BGSK, v_BGSK)
    shared = q_BHTK.shape[1] != k_BGSK.shape[1]
    return F.scaled_dot_product_attention(q_BHTK, k_BGSK, v_BGSK, is_causal=True, enable_gqa=shared)


ATTENTIONS: dict[AttentionName, Attend] = {"usual": attend, "blocks": attend_in_blocks, "fused": attend_fused}
"""By the names that a training's way has for them."""
