"""Memory of training processes against what the kernel counted."""

import pytest

from scalewright.architectures import LlamaShape
from scalewright.planning import memory_bytes


@pytest.mark.parametrize(
    ("width", "depth", "head", "vocabulary", "context", "batch", "precision", "mebibytes"),
    [
        (128, 4, 16, 4096, 256, 16, "bf16", 786),
        (512, 8, 64, 8192, 256, 8, "fp32", 2116),
        (128, 6, 16, 1024, 1024, 8, "fp32", 4995),
        (128, 6, 16, 1024, 1024, 8, "bf16", 2213),
        (1024, 12, 64, 4096, 128, 2, "fp32", 3335),
        (64, 6, 16, 2048, 256, 16, "bf16", 638),
        (160, 6, 32, 1024, 384, 6, "fp32", 823),
        (320, 8, 32, 16384, 128, 8, "bf16", 1000),
        (448, 5, 64, 1024, 192, 16, "fp32", 1486),
        (768, 8, 64, 8192, 256, 4, "fp32", 2153),
    ],
)
def test_memory_is_what_the_kernel_counted(width, depth, head, vocabulary, context, batch, precision, mebibytes):
    """Peaks of processes that trained such shapes (docs/log.md, 2026-11-27, today's trainer); the last five were not fitted
    to."""
    shape = LlamaShape(
        vocabulary=vocabulary,
        context=context,
        depth=depth,
        width=width,
        head_size=head,
        hidden=-(-8 * width // 3 // 16) * 16,
    )
    assert memory_bytes(shape, batch, precision) == pytest.approx(mebibytes * 2**20, rel=0.1)
