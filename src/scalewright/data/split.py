"""Training, validation and test: which documents go where."""

import math
from collections import Counter
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


def split(
    groups: Sequence[Sequence[int]],
    sizes: Sequence[int],
    fractions: tuple[float, float],
    seed: int,
    sources: Sequence[int] = (),
    names: Sequence[str] = (),
) -> Split:
    """Gives whole groups of near-duplicates to validation and test, in seeded order, until each has its size.

    Each group goes to the hold-out that is less full. A group larger than a twentieth of a hold-out would
    weigh too much in its mean: such groups are trained on, unless the smaller ones do not even fill half of
    it; then the smallest of them are held out. A group larger than half of the text that remains is always
    trained on.

    Each source of a mixture has hold-outs of its own size. A group with documents of several sources goes as a whole, into a
    hold-out only where all of these still want text and for none of them it is too large.

    Args:
        groups: indices of the documents that must stay together; each document in one group.
        sizes: bytes of each document.
        fractions: of the bytes, for validation and test; bounded as `hold_out_bytes` says.
        seed: decides the order.
        sources: number of the source of each document; by default there is one.
        names: of the sources, for what is said.

    Raises:
        InputError: a fraction is out of bounds, or the text, or that of a source, cannot be parted in three.
    """
    if min(fractions) <= 0 or sum(fractions) >= 1:
        raise InputError(f"validation and test fractions {fractions}: expected above 0 each and below 1 together")
    of = list(sources) or [0] * len(sizes)
    totals = Counter[int]()
    for size, source in zip(sizes, of, strict=True):
        totals[source] += size
    # Bytes of each source, by group.
    weights: list[Counter[int]] = [Counter() for _ in groups]
    for weight, group in zip(weights, groups, strict=True):
        for index in group:
            weight[of[index]] += sizes[index]
    targets = [{source: hold_out_bytes(total, fraction) for source, total in totals.items()} for fraction in fractions]
    limits = {source: MAX_GROUP_SHARE * min(target[source] for target in targets) for source in totals}

    def is_small(group: int) -> bool:
        return all(size <= limits[source] for source, size in weights[group].items())

    order = permutation(len(groups), "split", seed).tolist()
    small = [group for group in order if is_small(group)]
    large = sorted((group for group in order if not is_small(group)), key=lambda group: weights[group].total())

    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    held = [Counter[int](), Counter[int]()]
    for number, group in enumerate([*small, *large]):
        emptier = min(
            (0, 1), key=lambda part: max(held[part][source] / targets[part][source] for source in weights[group])
        )
        wanted = 1.0 if number < len(small) else 0.5
        if all(
            held[emptier][source] < wanted * targets[emptier][source]
            and size <= (totals[source] - held[0][source] - held[1][source]) / 2
            for source, size in weights[group].items()
        ):
            held[emptier].update(weights[group])
            parts[emptier].extend(groups[group])
        else:
            parts[2].extend(groups[group])
    validation, test, train = (tuple(sorted(part)) for part in parts)
    for source, total in totals.items():
        if not all(any(of[index] == source for index in part) for part in (train, validation, test)):
            count = sum(source in weight for weight in weights)
            about = f"source {names[source]!r}: " if names else ""
            raise InputError(
                f"{about}{count} independent documents of {total:,} bytes in all cannot "
                "be parted into training, validation and test: more text is needed, not one document and its near-copies"
            )
    return Split(train, validation, test)
