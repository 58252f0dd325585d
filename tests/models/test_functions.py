"""Written-out derivatives against autograd and torch's own functions."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from scalewright.models import cross_entropy, head_loss
from scalewright.models.functions import rms_norm


@pytest.mark.parametrize("scale", [1e-3, 1.0, 100.0])
def test_rms_norm_and_its_gradients(scale):
    torch.manual_seed(0)
    x = (scale * torch.randn(3, 5, 32)).requires_grad_()
    gain = torch.randn(32, requires_grad=True)
    upstream = torch.randn(3, 5, 32)
    ours = rms_norm(x, gain, 1e-5)
    ours_gradients = torch.autograd.grad(ours, (x, gain), upstream)
    theirs = F.rms_norm(x, (32,), gain, eps=1e-5)
    torch.testing.assert_close(ours, theirs)
    theirs_gradients = torch.autograd.grad(theirs, (x, gain), upstream)
    torch.testing.assert_close(ours_gradients[0], theirs_gradients[0], rtol=1e-4, atol=1e-5 / scale)
    torch.testing.assert_close(ours_gradients[1], theirs_gradients[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scale", [0.0, 1.0, 50.0])
def test_cross_entropy_and_its_gradient(scale):
    torch.manual_seed(0)
    logits = (scale * torch.randn(17, 33)).requires_grad_()
    targets = torch.randint(33, (17,))
    ours, theirs = cross_entropy(logits, targets), F.cross_entropy(logits, targets)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(torch.autograd.grad(3 * ours, logits)[0], torch.autograd.grad(3 * theirs, logits)[0])


def test_cross_entropy_of_bf16_logits_is_summed_in_fp32():
    torch.manual_seed(0)
    logits, targets = torch.randn(400, 1000).bfloat16(), torch.randint(1000, (400,))
    exact = F.cross_entropy(logits.double(), targets)
    assert cross_entropy(logits, targets).item() == pytest.approx(exact.item(), rel=1e-6)


@given(
    rows=st.integers(1, 20),
    classes=st.integers(1, 40),
    smoothing=st.sampled_from([0.0, 0.1, 0.5, 0.99]),
    z_loss=st.sampled_from([0.0, 1e-4, 0.1]),
    scale=st.sampled_from([0.0, 1.0, 30.0]),
    seed=st.integers(0, 100),
)
@settings(max_examples=60)
def test_smoothing_and_z_loss_and_their_gradients(rows, classes, smoothing, z_loss, scale, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = (scale * torch.randn(rows, classes, generator=generator)).requires_grad_()
    targets = torch.randint(classes, (rows,), generator=generator)
    ours = cross_entropy(logits, targets, smoothing, z_loss)
    exact = logits.detach().double().requires_grad_()
    theirs = F.cross_entropy(exact, targets, label_smoothing=smoothing) + z_loss * exact.logsumexp(-1).square().mean()
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5, abs=1e-5)
    gradients = torch.autograd.grad(3 * ours, logits)[0], torch.autograd.grad(3 * theirs, exact)[0]
    torch.testing.assert_close(gradients[0].double(), gradients[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("smoothing", "z_loss"), [(0.0, 0.0), (0.1, 0.0), (0.0, 0.3), (0.2, 0.1)])
def test_the_gradient_is_the_derivative_of_the_loss(smoothing, z_loss):
    torch.manual_seed(0)
    logits, targets = torch.randn(5, 7, dtype=torch.double, requires_grad=True), torch.randint(7, (5,))
    assert torch.autograd.gradcheck(lambda x: cross_entropy(x, targets, smoothing, z_loss), logits)


def test_the_plain_loss_is_the_same_bit_for_bit():
    """As it was before anything could be added to it, written out anew."""
    torch.manual_seed(0)
    for dtype in (torch.float32, torch.bfloat16):
        logits, targets = (5 * torch.randn(97, 211)).to(dtype).requires_grad_(), torch.randint(211, (97,))
        with torch.no_grad():
            largest = logits.amax(-1, keepdim=True).float()
            powers = (logits.float() - largest).exp()
            total = powers.sum(-1, keepdim=True)
            at_target = logits.gather(1, targets[:, None]).float()
            loss = (total.log() + largest - at_target).mean()
            gradient = (powers / total).scatter_add(1, targets[:, None], torch.full_like(at_target, -1.0))
            gradient = (gradient / len(targets)).to(dtype)
        ours = cross_entropy(logits, targets)
        assert torch.equal(ours, loss)
        assert torch.equal(torch.autograd.grad(ours, logits)[0], gradient)


def test_z_loss_draws_the_normaliser_to_one():
    logits = torch.full((4, 10), 3.0).requires_grad_()
    (gradient,) = torch.autograd.grad(cross_entropy(logits, torch.arange(4), z_loss=0.5), logits)
    # Each logit's share of 2z·log Z, besides a plain gradient whose sum is nothing.
    assert gradient.sum().item() == pytest.approx(3 + math.log(10), rel=1e-5)


@pytest.mark.parametrize("parts", [1, 3, 7, 50])
@pytest.mark.parametrize(("smoothing", "z_loss"), [(0.0, 0.0), (0.1, 1e-2)])
def test_the_heads_loss_in_parts_is_that_of_all_logits_at_once(parts, smoothing, z_loss):
    torch.manual_seed(0)
    x, weight = (torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in ((23, 5), (11, 5)))
    targets = torch.randint(11, (23,))
    ours = head_loss(x, weight, targets, smoothing, z_loss, parts)
    logits = x @ weight.T
    theirs = F.cross_entropy(logits, targets, label_smoothing=smoothing) + z_loss * logits.logsumexp(-1).square().mean()
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)
    for mine, other in zip(
        torch.autograd.grad(3 * ours, (x, weight)), torch.autograd.grad(3 * theirs, (x, weight)), strict=True
    ):
        torch.testing.assert_close(mine, other)


def test_the_heads_loss_multiplies_in_what_autocast_says():
    """As near to fp32 as the usual head and loss in bf16 are."""
    torch.manual_seed(0)
    x, weight = (torch.randn(shape, requires_grad=True) for shape in ((64, 32), (99, 32)))
    targets = torch.randint(99, (64,))
    exact = torch.autograd.grad(F.cross_entropy(x @ weight.T, targets), (x, weight))
    with torch.autocast("cpu", torch.bfloat16):
        ours = head_loss(x, weight, targets, parts=4)
        usual = cross_entropy(F.linear(x, weight), targets)
    for mine, other, right in zip(
        torch.autograd.grad(ours, (x, weight)), torch.autograd.grad(usual, (x, weight)), exact, strict=True
    ):
        assert mine.dtype == torch.float32
        assert 0 < (mine - right).norm() < 1.5 * (other - right).norm()
