"""The trunk: a plain Llama decoder (RMSNorm, rotary positions, SwiGLU, untied head), for every runtime that knows one.

Tensor names carry their axes: B batch, T time, S time seen so far, D width, H heads of queries, G heads of keys and values,
K one head's size, V vocabulary.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from scalewright.architectures.llama import LlamaShape
from scalewright.models.attention import attend
from scalewright.models.functions import joined_linear, rms_norm


@dataclass
class Cache:
    """Keys and values [B, G, S, K] of one layer's past; grows with each call."""

    k_BGSK: Tensor | None = None
    v_BGSK: Tensor | None = None

    def extend(self, k_BGTK: Tensor, v_BGTK: Tensor) -> tuple[Tensor, Tensor]:
        """Appends new positions; returns keys and values of all positions."""
        if self.k_BGSK is not None and self.v_BGSK is not None:
            k_BGTK = torch.cat((self.k_BGSK, k_BGTK), dim=2)
            v_BGTK = torch.cat((self.v_BGSK, v_BGTK), dim=2)
        self.k_BGSK, self.v_BGSK = k_BGTK, v_BGTK
        return k_BGTK, v_BGTK


class Attention(nn.Module):
    """Causal self-attention with rotary positions (Su et al. 2021, arXiv:2104.09864)."""

    def __init__(self, shape: LlamaShape) -> None:
        super().__init__()
        self.head_size, self.queries_per_key = shape.head_size, shape.queries_per_key
        self.q_proj, self.k_proj, self.v_proj = (
            nn.Linear(shape.width, width, bias=False)
            for width in (shape.attention_width, shape.kv_width, shape.kv_width)
        )
        self.o_proj = nn.Linear(shape.attention_width, shape.width, bias=False)
        self.attend = attend

    def forward(self, x_BTD: Tensor, cos_TK: Tensor, sin_TK: Tensor, cache: Cache | None) -> Tensor:
        """Mixes each position with those before it."""
        mapped = joined(x_BTD, self.q_proj, self.k_proj, self.v_proj)
        heads = mapped.view(*mapped.shape[:-1], -1, self.head_size).transpose(1, 2)
        groups = heads.shape[1] // (self.queries_per_key + 2)
        qk, v_BGSK = heads[:, :-groups], heads[:, -groups:]
        turned = rotate(qk, cos_TK, sin_TK)
        q_BHTK, k_BGSK = turned[:, :-groups], turned[:, -groups:]
        if cache is not None:
            k_BGSK, v_BGSK = cache.extend(k_BGSK, v_BGSK)
        mixed_BTD: Tensor = self.o_proj(self.attend(q_BHTK, k_BGSK, v_BGSK).transpose(1, 2).flatten(-2))
        return mixed_BTD


class FeedForward(nn.Module):
    """SwiGLU (Shazeer 2020, arXiv:2002.05202)."""

    def __init__(self, shape: LlamaShape) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = (nn.Linear(shape.width, shape.hidden, bias=False) for _ in range(2))
        self.down_proj = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Transforms each position by itself."""
        gate, up = joined(x_BTD, self.gate_proj, self.up_proj).chunk(2, dim=-1)
        out_BTD: Tensor = self.down_proj(F.silu(gate) * up)
        return out_BTD


class RMSNorm(nn.Module):
    """Root-mean-square norm with a learned gain."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Scales each position to unit mean square, then by the gain."""
        return rms_norm(x_BTD, self.weight, self.epsilon)


class Block(nn.Module):
    """One layer: attention, then feed-forward, each added to the residual stream.

    In training a share `dropout` of what each adds is left out, and the rest scaled up (Srivastava et al. 2014).
    """

    def __init__(self, shape: LlamaShape, dropout: float = 0.0) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(shape.width, shape.norm_epsilon)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = RMSNorm(shape.width, shape.norm_epsilon)
        self.mlp = FeedForward(shape)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BTD: Tensor, cos_TK: Tensor, sin_TK: Tensor, cache: Cache | None = None) -> Tensor:
        """The residual stream after this layer; it stays in fp32 under autocast."""
        x_BTD = x_BTD + self.dropout(self.self_attn(self.input_layernorm(x_BTD), cos_TK, sin_TK, cache))
        mixed_BTD: Tensor = x_BTD + self.dropout(self.mlp(self.post_attention_layernorm(x_BTD)))
        return mixed_BTD


class Llama(nn.Module):
    """Token numbers to logits; `dropout` acts in training only and leaves no weights behind."""

    cos_TK: Tensor
    sin_TK: Tensor

    def __init__(self, shape: LlamaShape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Block(shape, dropout) for _ in range(shape.depth))
        self.norm = RMSNorm(shape.width, shape.norm_epsilon)
        self.lm_head = nn.Linear(shape.width, shape.vocabulary, bias=False)
        cos_TK, sin_TK = rotary(shape.context, shape.head_size, shape.rope_theta)
        self.register_buffer("cos_TK", cos_TK, persistent=False)
        self.register_buffer("sin_TK", sin_TK, persistent=False)

    def forward(self, tokens_BT: Tensor, caches: list[Cache] | None = None, start: int = 0) -> Tensor:
        """Logits [B, T, V] for tokens [B, T] at positions `start` onwards, all within the shape's context."""
        logits_BTV: Tensor = self.lm_head(self.last_hidden(tokens_BT, caches, start))
        return logits_BTV

    def last_hidden(self, tokens_BT: Tensor, caches: list[Cache] | None = None, start: int = 0) -> Tensor:
        """What the head maps to logits: [B, T, D], normalised."""
        x_BTD = self.embed_tokens(tokens_BT)
        end = start + tokens_BT.shape[1]
        cos_TK, sin_TK = self.cos_TK[start:end], self.sin_TK[start:end]
        for number, layer in enumerate(self.layers):
            x_BTD = layer(x_BTD, cos_TK, sin_TK, caches[number] if caches else None)
        hidden_BTD: Tensor = self.norm(x_BTD)
        return hidden_BTD


def joined(x: Tensor, *maps: nn.Module) -> Tensor:
    """Linear maps of one input, their outputs side by side; as one product where their weights are plain matrices."""
    # Of torch's own maps alone: others compute in their own way.
    weights = [each.weight for each in maps if type(each) is nn.Linear and type(each.weight) is nn.Parameter]
    if len(weights) == len(maps):
        return joined_linear(x, *weights)
    return torch.cat([each(x) for each in maps], dim=-1)


def rotary(context: int, head_size: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines [T, K] of the rotary angles, in the half-split layout of Hugging Face."""
    frequency = theta ** (-torch.arange(0, head_size, 2, dtype=torch.float32) / head_size)
    angle_TK = torch.outer(torch.arange(context, dtype=torch.float32), frequency).repeat(1, 2)
    return angle_TK.cos(), angle_TK.sin()


def rotate(x_BHTK: Tensor, cos_TK: Tensor, sin_TK: Tensor) -> Tensor:
    """Turns each pair (k, k + K/2) by its position's angle, in the dtype of `x`."""
    first, second = x_BHTK.chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return x_BHTK * cos_TK.to(x_BHTK.dtype) + turned * sin_TK.to(x_BHTK.dtype)
