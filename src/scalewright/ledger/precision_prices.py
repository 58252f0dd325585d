"""What the runs of a ledger tell of the price of precision: pairs that differ in precision alone."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from scalewright.errors import InputError
from scalewright.files import content_hash
from scalewright.laws import Law, Price, fit, fit_price
from scalewright.ledger.grouping import SEARCHES, options_of, trunk_of
from scalewright.ledger.tables import Run
from scalewright.planning.ideal import BITS
from scalewright.planning.prices import UNMEASURED, Prices

NEAR = 3.0
"""Factor around its runs within which a law is trusted with the slope at pairs that it was not fitted to."""
_DRAWS = 100  # of the law: what they leave open about its slope is enough

Twins = dict[str, Run]
"""Runs that are equal in all that decides their result but the precision, by precision."""


def twins_of(runs: Iterable[Run]) -> list[Twins]:
    """All runs that have a twin in another precision; runs of searches, whose settings are tried out, are left out."""
    found: defaultdict[str, Twins] = defaultdict(dict)
    for run in runs:
        if run.role not in SEARCHES:
            found[_but_for_precision(run)].setdefault(run.precision, run)
    return [twins for twins in found.values() if len(twins) > 1]


def measured_prices(runs: Sequence[Run], law: Law | None = None) -> Prices:
    """Prices fitted to the twins among some runs, of the group of comparable runs that has most of them.

    The reference is the precision of most of that group's runs, among equals the one of most bits. Its runs make the law whose
    slope in N turns losses into sizes; where they are too few for one, `law` does, as far as it knows such sizes.

    Args:
        runs: Of a ledger.
        law: The one that is planned with.
    """
    groups: defaultdict[tuple[Any, ...], list[Run]] = defaultdict(list)
    for run in runs:
        if run.role not in SEARCHES:
            groups[
                run.data_hash, run.tokenizer_hash, run.context, run.task, run.recipe_version, options_of(run)
            ].append(run)
    found = max(
        ((twins_of(group), group) for group in groups.values()), key=lambda each: len(each[0]), default=([], [])
    )
    twins, group = found
    if not twins:
        return UNMEASURED
    count = Counter(run.precision for run in group)
    reference = max(count, key=lambda precision: (count[precision], BITS.get(precision, 0)))
    try:
        slope = _law_of([run for run in group if run.precision == reference], law, twins)
    except InputError as error:
        return Prices(warnings=(f"precision: {len(twins)} pairs of runs tell no price: {error}",))
    measured: list[Price] = []
    warnings: list[str] = []
    for precision in sorted(count.keys() - {reference}, key=lambda each: (-BITS.get(each, 0), each)):
        pairs = [(pair[precision], pair[reference]) for pair in twins if {precision, reference} <= pair.keys()]
        if not pairs:
            continue
        try:
            measured.append(_price(slope, pairs, precision, reference))
        except InputError as error:
            warnings.append(f"precision: {error}")
    return Prices(reference=reference, measured=tuple(measured), warnings=tuple(warnings))


def _but_for_precision(run: Run) -> str:
    recipe = run.configuration.get("recipe", {})
    deciding = {name: value for name, value in recipe.items() if name not in ("precision", "reasons")}
    others = {name: value for name, value in run.configuration.items() if name != "recipe"}
    kind = [
        run.task,
        run.data_hash,
        run.tokenizer_hash,
        run.recipe_version,
        run.seed,
        run.params,
        run.tokens,
        run.unique_tokens,
    ]
    return content_hash([kind, deciding, others])


def _law_of(reference: Sequence[Run], given: Law | None, twins: Sequence[Twins]) -> Law:
    try:
        return fit(
            [run.params for run in reference],
            [run.tokens for run in reference],
            [run.loss for run in reference],
            unique_tokens=[run.unique_tokens for run in reference],
            trunks=[trunk_of(run) for run in reference],
            bootstrap=_DRAWS,
        )
    except InputError as error:
        if given is None or set(given.inputs) != {"params", "tokens"}:
            raise
        pairs = [run for pair in twins for run in pair.values()]
        places = {"params": [run.params for run in pairs], "tokens": [run.tokens for run in pairs]}
        for name, (least, most) in given.support.inputs.items():
            if min(places[name]) * NEAR < least or max(places[name]) > NEAR * most:
                raise InputError(
                    f"{error}; and the law that is planned with knows {least:.3g} to {most:.3g} {name}, not those of the pairs"
                ) from None
        return given


def _price(law: Law, pairs: Sequence[tuple[Run, Run]], precision: str, reference: str) -> Price:
    low = [pair[0] for pair in pairs]
    return fit_price(
        law,
        [run.params for run in low],
        [run.tokens for run in low],
        [run.loss for run in low],
        [high.loss for _, high in pairs],
        precision=precision,
        reference=reference,
        unique_tokens=[run.unique_tokens for run in low],
        trunks=[trunk_of(run) for run in low],
    )
