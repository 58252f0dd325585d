"""Counts against the published networks, torch's own counter and the model built on the meta device."""

import pytest
import torch
from pydantic import ValidationError
from torch.utils.flop_counter import FlopCounterMode

from scalewright.architectures.vgg import VGGFamily, VGGShape
from scalewright.errors import InputError
from scalewright.models.vgg import VGG

PUBLISHED = VGGShape(classes=1000, pixels=224)


def test_params_of_the_published_network():
    # torchvision's documentation of vgg16 and vgg16_bn.
    assert PUBLISHED.params_total == 138_357_544
    assert PUBLISHED.model_copy(update={"batch_norm": True}).params_total == 138_365_992


def test_flops_of_the_published_network():
    # torchvision's documentation: 15.47 GFLOPS, a multiplication and an addition counted as one.
    assert PUBLISHED.forward_flops_per_image / 2e9 == pytest.approx(15.47, rel=1e-3)


@pytest.mark.parametrize("width", [4, 16, 64])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_counts_are_those_of_the_model(width, batch_norm):
    shape = VGGFamily(classes=10, pixels=96, batch_norm=batch_norm).shape(width)
    with torch.device("meta"):
        model, pictures = VGG(shape), torch.zeros(2, 3, 96, 96)
    assert sum(p.numel() for p in model.parameters()) == shape.params_total
    assert sum(p.numel() for p in model.parameters() if p.ndim > 1) == shape.params
    with FlopCounterMode(display=False) as forward:
        logits = model(pictures)
    assert logits.shape == (2, 10)
    assert forward.get_total_flops() == 2 * shape.forward_flops_per_image
    with FlopCounterMode(display=False) as backward:
        logits.sum().backward()
    both = forward.get_total_flops() + backward.get_total_flops()
    assert both == pytest.approx(2 * shape.train_flops_per_token, rel=1e-3)


def test_a_picture_that_does_not_halve_evenly():
    shape = VGGShape(classes=3, pixels=75, width=4, hidden=(8,))
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        VGG(shape)(torch.zeros(1, 3, 75, 75))
    assert counter.get_total_flops() == shape.forward_flops_per_image


def test_shapes_that_are_none():
    with pytest.raises(InputError, match="multiple of 4"):
        VGGFamily(classes=10, pixels=96).shape(6)
    with pytest.raises(ValidationError, match="greater than or equal to 32"):
        VGGShape(classes=10, pixels=31)
    with pytest.raises(ValidationError, match="expected positive widths"):
        VGGShape(classes=10, pixels=96, hidden=(0,))
