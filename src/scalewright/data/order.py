"""Orders drawn from a key, the same under every version of NumPy."""

import numpy as np
from numpy.typing import NDArray

from scalewright.files import content_hash


def permutation(length: int, *key: str | int) -> NDArray[np.int64]:
    """A permutation of 0..length-1 that `key` alone decides; keys that differ give independent ones.

    The raw output of a bit generator is kept stable by NumPy (NEP 19), its `shuffle` is not: so raw words
    are sorted.
    """
    words = np.random.PCG64(int(content_hash(list(key)), 16)).random_raw(length)
    return np.argsort(words, kind="stable")
