"""Families as shapes: one dial fixes every shape; parameters and FLOPs are counted, without torch."""

from scalewright.architectures.llama import LlamaFamily, LlamaShape

__all__ = ["LlamaFamily", "LlamaShape"]
