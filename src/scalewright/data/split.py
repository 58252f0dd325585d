"""Training, validation and test: which documents go where."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scalewright.data.order import permutation
from scalewright.errors import InputError

MIN_HOLD_OUT_BYTES = 150_000
"""About 50,000 tokens of three bytes."""

MAX_HOLD_OUT_BYTES = 1_500_000
"""More would sharpen a mean loss no further than the noise of the seed, and cost time at each evaluation."""

MAX_SHARE = 0.1
"""Share of a short text above which it is not raised to that size."""


MAX_GROUP_SHARE = 1 / 20
"""Share of a hold-out that one group of near-duplicates may have, so that no single text decides a mean loss."""


@dataclass(frozen=True)
class Split:
    """Indices of the documents of each part, ascending."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


def hold_out_bytes(total_bytes: int, fraction: float) -> int:
    """Size aimed at for a hold-out: the fraction asked for, from 150 kB (or 10 % of the text) to 1.5 MB."""
    least = min(MIN_HOLD_OUT_BYTES, MAX_SHARE * total_bytes)
    return math.ceil(min(max(fraction * total_bytes, least), MAX_HOLD_OUT_BYTES))


def split(groups: Sequence[Sequence[int]], sizes: Sequence[int], fractions: tuple[float, float], seed: int) -> Split:
    """Gives whole groups of near-duplicates to validation and test, in seeded order, until each has its size.

    Each group goes to the hold-out that is less full. A group larger than a twentieth of a hold-out would
    weigh too much in its mean: such groups are trained on, unless the smaller ones do not even fill half of
    it; then the smallest of them are held out. A group larger than half of the text that remains is always
    trained on.

    Args:
        groups: indices of the documents that must stay together; each document in one group.
        sizes: bytes of each document.
        fractions: of the bytes, for validation and test; bounded as `hold_out_bytes` says.
        seed: decides the order.

    Raises:
        InputError: a fraction is out of bounds, or the text cannot be parted in three.
    """
    if min(fractions) <= 0 or sum(fractions) >= 1:
        raise InputError(f"validation and test fractions {fractions}: expected above 0 each and below 1 together")
    weights = [sum(sizes[index] for index in group) for group in groups]
    targets = [hold_out_bytes(sum(sizes), fraction) for fraction in fractions]
    order = permutation(len(groups), "split", seed).tolist()
    limit = MAX_GROUP_SHARE * min(targets)
    small = [group for group in order if weights[group] <= limit]
    large = sorted((group for group in order if weights[group] > limit), key=weights.__getitem__)

    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    held = [0, 0]
    for group in [*small, *large]:
        emptier = min((0, 1), key=lambda part: held[part] / targets[part])
        wanted = targets[emptier] if weights[group] <= limit else targets[emptier] / 2
        if held[emptier] < wanted and weights[group] <= (sum(sizes) - sum(held)) / 2:
            held[emptier] += weights[group]
            parts[emptier].extend(groups[group])
        else:
            parts[2].extend(groups[group])
    validation, test, train = (tuple(sorted(part)) for part in parts)
    if not (train and validation and test):
        raise InputError(
            f"{len(groups)} independent documents of {sum(sizes):,} bytes in all cannot be parted into "
            "training, validation and test: more text is needed, not one document and its near-copies"
        )
    return Split(train, validation, test)
