"""Shapes of a family by their params."""

import math
from functools import lru_cache

from scalewright.architectures import LlamaFamily, LlamaShape


@lru_cache(maxsize=4096)
def nearest_shape(family: LlamaFamily, params: float, wider_than: int = 0) -> LlamaShape:
    """The shape whose params are nearest to `params` by ratio, among those wider than `wider_than`."""
    width = max(family.narrowest, wider_than + family.step)
    shape = family.shape(width)
    while (wider := family.shape(shape.width + family.step)).params <= params:
        shape = wider
    return min((shape, wider), key=lambda candidate: abs(math.log(candidate.params / params)))


def sizes_up_to(family: LlamaFamily, params: float, count: int) -> list[LlamaShape]:
    """`count` distinct shapes, ascending at about equal ratios: to `params`, from 1/2^(count - 1) of it or the narrowest."""
    least = max(params / 2 ** (count - 1), family.shape(family.narrowest).params)
    chosen: list[LlamaShape] = []
    for number in range(count):
        wanted = least * max(params / least, 1.0) ** (number / (count - 1))
        chosen.append(nearest_shape(family, wanted, chosen[-1].width if chosen else 0))
    return chosen
