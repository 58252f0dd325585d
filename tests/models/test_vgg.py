"""VGG against the names, shapes and arithmetic that torchvision's published weights rest on."""

import pytest
import torch
from torch.nn import functional as F

from scalewright.architectures.vgg import VGGShape
from scalewright.models.vgg import VGG

# Places of the convolutions in torchvision's `features` of vgg16 and vgg16_bn, as in the published files.
CONVOLUTIONS = {
    False: (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    True: (0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40),
}


@pytest.mark.parametrize("batch_norm", [False, True])
def test_weights_are_named_as_published(batch_norm):
    with torch.device("meta"):
        weights = VGG(VGGShape(classes=1000, pixels=224, batch_norm=batch_norm)).state_dict()
    named = [f"features.{place}.{part}" for place in CONVOLUTIONS[batch_norm] for part in ("weight", "bias")]
    if batch_norm:
        parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
        named += [f"features.{place + 1}.{part}" for place in CONVOLUTIONS[True] for part in parts]
    named += [f"classifier.{place}.{part}" for place in (0, 3, 6) for part in ("weight", "bias")]
    assert sorted(weights) == sorted(named)
    assert weights["features.0.weight"].shape == (64, 3, 3, 3)
    assert weights["classifier.0.weight"].shape == (4096, 25_088)
    assert weights["classifier.6.weight"].shape == (1000, 4096)


def test_it_is_the_published_arithmetic():
    torch.manual_seed(0)
    model = VGG(VGGShape(classes=5, pixels=64, width=4, hidden=(16, 12), pooled=7)).eval()
    pictures = torch.randn(2, 3, 64, 64)
    weights = model.state_dict()
    x = pictures
    for place in CONVOLUTIONS[False]:
        x = F.relu(F.conv2d(x, weights[f"features.{place}.weight"], weights[f"features.{place}.bias"], padding=1))
        if place in (2, 7, 14, 21, 28):  # the last of each stage
            x = F.max_pool2d(x, 2)
    x = F.adaptive_avg_pool2d(x, 7).flatten(1)
    for place in (0, 3, 6):
        x = F.linear(x, weights[f"classifier.{place}.weight"], weights[f"classifier.{place}.bias"])
        x = F.relu(x) if place < 6 else x
    torch.testing.assert_close(model(pictures), x)


def test_a_small_head_in_the_place_of_the_published_one():
    with torch.device("meta"):
        weights = VGG(VGGShape(classes=10, pixels=96, hidden=(1024,), pooled=3)).state_dict()
    assert [name for name in weights if name.startswith("classifier")] == [
        "classifier.0.weight", "classifier.0.bias", "classifier.3.weight", "classifier.3.bias",
    ]  # fmt: skip
    assert weights["classifier.0.weight"].shape == (1024, 512 * 9)
