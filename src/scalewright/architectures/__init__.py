"""Families as shapes: one dial fixes every shape; parameters and FLOPs are counted, without torch."""

from scalewright.architectures.llama import LlamaFamily, LlamaShape
from scalewright.architectures.vgg import VGGFamily, VGGShape

Shape = LlamaShape | VGGShape
"""Every model that can be trained: its `params`, `tokens_per_row` and `train_flops_per_token` are all that training asks."""

__all__ = ["LlamaFamily", "LlamaShape", "Shape", "VGGFamily", "VGGShape"]
