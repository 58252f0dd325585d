"""Shapes of large decoders, as the models in use have them."""

from collections.abc import Iterator

from scalewright.architectures.decoder import Decoder

HEAD_SIZE = 128
SHARED_HEADS = 8
"""Keys and values from this many heads on, shared by the queries: the cache of a served model shrinks with them and its quality
hardly does (Ainslie et al. 2023, arXiv:2305.13245)."""

RATIOS = (128, 100, 80)
"""Width over depth of models in use: Pythia 1.4B 85 (arXiv:2304.01373), Llama 65B 102 and 7B 128 (arXiv:2302.13971). At equal
size the loss hardly depends on it (Kaplan et al. 2020, arXiv:2001.08361, section 3.1), but no law of ours knows by how much."""

_EDGE = 256  # matrix units like multiples of it


def decoder(width: int, depth: int, vocabulary: int, context: int) -> Decoder:
    """A Llama of this width, a multiple of the head size, and depth (Touvron et al. 2023, arXiv:2302.13971)."""
    heads = width // HEAD_SIZE
    shared = SHARED_HEADS if heads > SHARED_HEADS and heads % SHARED_HEADS == 0 else heads
    return Decoder(
        vocabulary=vocabulary,
        context=context,
        depth=depth,
        width=width,
        heads=heads,
        kv_heads=shared,
        head_size=HEAD_SIZE,
        hidden=-(-8 * width // 3 // _EDGE) * _EDGE,
    )


def decoders(smallest: float, largest: float, vocabulary: int, context: int) -> Iterator[Decoder]:
    """Shapes with N from `smallest` to `largest`, by width: each width in the depths in use, in even numbers that divide among
    pipeline stages."""
    width = 2 * HEAD_SIZE
    while True:
        shapes = [decoder(width, depth, vocabulary, context) for depth in depths(width)]
        if shapes[0].params > largest:
            return
        yield from (shape for shape in shapes if smallest <= shape.params <= largest)
        width += HEAD_SIZE * (1 if width < 2048 else 2 if width < 4096 else 4 if width < 12288 else 8)


def depths(width: int) -> list[int]:
    """Depths of a width, ascending: multiples of 4, of 8 from 48 on."""
    found = set()
    for ratio in RATIOS:
        depth = max(4, width / ratio)
        step = 4 if depth < 48 else 8
        found.add(max(step, step * round(depth / step)))
    return sorted(found)
