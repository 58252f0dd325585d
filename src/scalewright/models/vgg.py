"""VGG16 (Simonyan & Zisserman 2014, arXiv:1409.1556), its weights named as torchvision names them.

Tensor names carry their axes: B pictures, C channels, H and W height and width, N numbers of the classifier, K classes.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from scalewright.architectures.vgg import KERNEL, STAGES, VGGShape


class VGG(nn.Module):
    """Pictures to logits of their classes."""

    def __init__(self, shape: VGGShape, dropout: float = 0.5) -> None:
        super().__init__()
        self.shape = shape
        self.features = nn.Sequential(*_features(shape))
        self.avgpool = nn.AdaptiveAvgPool2d((shape.pooled, shape.pooled))
        self.classifier = nn.Sequential(*_classifier(shape, dropout))

    def forward(self, pictures_BCHW: Tensor) -> Tensor:
        """Logits [B, K] of pictures [B, 3, pixels, pixels]."""
        # Channels last: kernels of half precision want it, on processors as on accelerators.
        x_BCHW = self.features(pictures_BCHW.contiguous(memory_format=torch.channels_last))
        logits_BK: Tensor = self.classifier(self.avgpool(x_BCHW).flatten(1))
        return logits_BK


def _features(shape: VGGShape) -> Iterator[nn.Module]:
    convolutions = iter(shape.convolutions)
    for _, count in STAGES:
        for _ in range(count):
            inputs, outputs, _ = next(convolutions)
            yield nn.Conv2d(inputs, outputs, KERNEL, padding=KERNEL // 2)
            if shape.batch_norm:
                yield nn.BatchNorm2d(outputs)
            yield nn.ReLU(inplace=True)
        yield nn.MaxPool2d(2)


def _classifier(shape: VGGShape, dropout: float) -> Iterator[nn.Module]:
    *inner, last = shape.linear
    for inputs, outputs in inner:
        yield nn.Linear(inputs, outputs)
        yield nn.ReLU(inplace=True)
        yield nn.Dropout(dropout)
    yield nn.Linear(*last)
