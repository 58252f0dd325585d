"""Every way of attention gives torch's numbers, forward and backward, and looks back alone."""

import pytest
import torch
from torch.nn import functional as F

from scalewright.models import ATTENTIONS


def drawn(time, seen, head=8):
    torch.manual_seed(0)
    shapes = ((2, 3, time, head), (2, 3, seen, head), (2, 3, seen, head))
    return tuple(torch.randn(shape, requires_grad=True) for shape in shapes)


@pytest.mark.parametrize("name", ATTENTIONS)
@pytest.mark.parametrize("time", [1, 16, 63, 64, 150])
def test_attention_is_torchs(name, time):
    q, k, v = drawn(time, time)
    ours, theirs = ATTENTIONS[name](q, k, v), F.scaled_dot_product_attention(q, k, v, is_causal=True)
    torch.testing.assert_close(ours, theirs)
    upstream = torch.randn_like(ours)
    for mine, other in zip(
        torch.autograd.grad(ours, (q, k, v), upstream), torch.autograd.grad(theirs, (q, k, v), upstream), strict=True
    ):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ATTENTIONS)
@pytest.mark.parametrize(("time", "seen"), [(1, 1), (63, 63), (150, 150), (1, 130), (5, 130)])
def test_queries_that_share_keys_see_what_they_would_with_their_own(name, time, seen):
    torch.manual_seed(0)
    q = torch.randn(2, 6, time, 8, requires_grad=True)
    k, v = (torch.randn(2, 2, seen, 8, requires_grad=True) for _ in range(2))
    shared = ATTENTIONS[name](q, k, v)
    own = ATTENTIONS["usual"](q, *(each.repeat_interleave(3, dim=1) for each in (k, v)))
    torch.testing.assert_close(shared, own)
    upstream = torch.randn_like(own)
    for mine, other in zip(
        torch.autograd.grad(shared, (q, k, v), upstream), torch.autograd.grad(own, (q, k, v), upstream), strict=True
    ):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ATTENTIONS)
@pytest.mark.parametrize("time", [1, 5, 96])
def test_the_last_positions_of_many_see_what_was_before(name, time):
    """As generation with a cache asks: by hand, over all positions up to each."""
    q, k, v = drawn(time, 130)
    found = ATTENTIONS[name](q, k, v)
    for row in range(time):
        until = 130 - time + row + 1
        scores = (q[:, :, row : row + 1] @ k[:, :, :until].transpose(2, 3)) / 8**0.5
        torch.testing.assert_close(found[:, :, row : row + 1], scores.softmax(-1) @ v[:, :, :until])
