"""Written-out derivatives against autograd and torch's own functions."""

import pytest
import torch
from torch.nn import functional as F

from scalewright.models import cross_entropy
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
