"""Rows drawn from several sources in given proportions, exact at every row."""

import heapq
import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from scalewright.errors import InputError

MOST_ROWS = 1_000_000
"""Longest period of a mixture."""


class Mixture:
    """Which source each row comes from; a pure function of the row.

    After any number of rows n, each source has given within less than one row of n times its share: the rows of a
    source are jobs with windows (row j not before j / share, and over by (j + 1) / share), done earliest deadline
    first, which meets all of them where the shares add up to one (Baruah, Cohen, Plaxton and Varvel 1996, on
    proportionate progress). The order repeats after as many rows as the weights, brought to whole numbers without a
    common divisor, add up to; each such period is exact.

    Args:
        weights: One for each source, as they are written: 0.1 is a tenth. They need not add up to 1.

    Raises:
        InputError: a weight is not a positive number, there is none, or the period is too long.
    """

    def __init__(self, weights: Sequence[float]) -> None:
        self.weights = whole_weights(weights)
        self._sources = _earliest_deadlines_first(self.weights)
        self._places = np.empty_like(self._sources)
        for source, weight in enumerate(self.weights):
            self._places[self._sources == source] = np.arange(weight)

    def __len__(self) -> int:
        """Rows of a period."""
        return len(self._sources)

    @property
    def shares(self) -> tuple[float, ...]:
        """Of each source, adding up to 1."""
        return tuple(weight / len(self) for weight in self.weights)

    def rows(self, start: int, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Number of the source of row `start` and the rows behind it, and which of that source's own rows each is."""
        periods, places = np.divmod(np.arange(start, start + count), len(self))
        sources = self._sources[places]
        return sources, periods * np.array(self.weights)[sources] + self._places[places]

    def drawn(self, rows: int) -> tuple[int, ...]:
        """How many of the first `rows` rows come from each source."""
        periods, rest = divmod(rows, len(self))
        begun = np.bincount(self._sources[:rest], minlength=len(self.weights)).tolist()
        return tuple(periods * weight + more for weight, more in zip(self.weights, begun, strict=True))


def whole_weights(weights: Sequence[float]) -> tuple[int, ...]:
    """The weights as whole numbers without a common divisor.

    Raises:
        InputError: a weight is not a positive number, there is none, or they add up to more than a million.
    """
    if not weights:
        raise InputError("no weights: expected one for each source")
    for weight in weights:
        if isinstance(weight, bool) or not (math.isfinite(weight) and weight > 0):
            raise InputError(f"weight {weight}: expected a positive number")
    # As it is written in decimals, not as the binary number nearest to it.
    exact = [Fraction(str(weight)) for weight in weights]
    scale = math.lcm(*(weight.denominator for weight in exact))
    whole = [int(weight * scale) for weight in exact]
    divisor = math.gcd(*whole)
    whole = [weight // divisor for weight in whole]
    if sum(whole) > MOST_ROWS:
        raise InputError(
            f"weights {', '.join(map(str, weights))}: in whole numbers they add up to {sum(whole):,}, expected at most "
            f"{MOST_ROWS:,}: write them with fewer digits"
        )
    return tuple(whole)


def _earliest_deadlines_first(weights: Sequence[int]) -> NDArray[np.int64]:
    total = sum(weights)
    order = np.empty(total, dtype=np.int64)
    given = [0] * len(weights)
    # By the row from which each source's next one may come, and by the row before which it must.
    waiting = [(0, source) for source in range(len(weights))]
    ready: list[tuple[int, int]] = []
    for row in range(total):
        while waiting and waiting[0][0] <= row:
            _, source = heapq.heappop(waiting)
            heapq.heappush(ready, (-(-(given[source] + 1) * total // weights[source]), source))
        _, source = heapq.heappop(ready)
        order[row] = source
        given[source] += 1
        heapq.heappush(waiting, (given[source] * total // weights[source], source))
    return order
