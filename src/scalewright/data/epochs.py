"""Epoch after epoch over the same examples, in an order drawn anew each time."""

import numpy as np
from numpy.typing import NDArray

from scalewright.data.order import permutation


class Epochs:
    """The endless order of `count` examples; which come at which place is a pure function of the place.

    Args:
        count: Examples there are.
        seed: Decides the orders, together with the epoch.
        unique: Repeat so many only: those with which the first epoch over all begins, so that runs with and without
            repetition see the same until it sets in. All by default.
    """

    def __init__(self, count: int, seed: int, unique: int | None = None) -> None:
        self.seed = seed
        self._first = permutation(count, "epoch", seed, 0)[:unique]
        self._drawn: tuple[int, NDArray[np.int64]] = (0, self._first)

    def __len__(self) -> int:
        """Examples of an epoch."""
        return len(self._first)

    def places(self, start: int, count: int) -> NDArray[np.int64]:
        """Numbers of the examples at `start` and the next places; epochs follow on one another."""
        epochs, places = np.divmod(np.arange(start, start + count), len(self))
        found = [self._order(int(epoch))[place] for epoch, place in zip(epochs, places, strict=True)]
        return np.array(found, dtype=np.int64)

    def _order(self, epoch: int) -> NDArray[np.int64]:
        if self._drawn[0] != epoch:
            self._drawn = (epoch, self._draw(epoch))
        return self._drawn[1]

    def _draw(self, epoch: int) -> NDArray[np.int64]:
        return self._first[permutation(len(self), "epoch", self.seed, epoch)] if epoch else self._first
