"""Running a model: generation and its measured speed."""

from scalewright.inference.generation import decoding_speed, generate

__all__ = ["decoding_speed", "generate"]
