"""Smaller models, and what they cost in quality."""

from scalewright.compression.variant import Variant, measure_variant

__all__ = ["Variant", "measure_variant"]
