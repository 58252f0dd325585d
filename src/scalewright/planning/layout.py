"""Laying out a ladder: sizes, horizons and repeats that a law can be fitted on, within a share of the budget.

The final run lies beyond the ladder in compute, but need not lie beyond it in size or in tokens. So sizes go up to the final
one, each is trained for the same compute, and each long run is branched at shorter horizons: small sizes see about as many
tokens as the final run, large ones few, and what size and tokens do together is learned between them. A grid of equal horizons,
which lies below the final run in both, misses what larger sizes gain (docs/log.md, 2026-11-24, ladders of equal compute).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from scalewright.architectures import LlamaFamily, LlamaShape
from scalewright.documents import Reason
from scalewright.errors import InputError
from scalewright.machines.speed import Speed
from scalewright.planning.ladder import Ladder, Rung, trunk_steps
from scalewright.planning.rules import first_guess, warmup_steps
from scalewright.planning.shapes import nearest_shape, sizes_up_to

SIZES = 4
HORIZONS = 3
"""At least so many branches of each size."""
LONGEST_OVER_SHORTEST = 16
"""Horizons of a size span at most this factor, and lie at most a factor of two apart."""
LARGEST_RUNG = 1 / 8.5
"""Largest share of the final run's compute that one rung may cost."""
SMALLEST_SHARE = 1e-3
"""Ladders whose largest rung costs less than this share of the final run are not tried."""
DATA_SHARE = 0.95
"""Largest share of the training text that a rung sees where the final run will not repeat it."""
MOST_PASSES = 2
"""How often a rung sees the text where the final run is expected to repeat it as well; two passes lose little
(Muennighoff et al. 2023, arXiv:2305.16264), and the law counts what they lose."""
SEARCH_RATES = 5
REPETITION_PASSES = (2, 4)
"""How often the repetition rungs see their text."""
START_STEPS = 400
"""Below about so many steps a model is still learning what every text has in common, above all to copy; a law fitted to
runs that end there forecast losses 6 to 9 % too high (docs/log.md, 2026-11-24: 300 steps; with 400, 0.8 %)."""
SHORTEST_STEPS = 50
MOST_REPEATS = 2 * SIZES
"""Two further seeds of each size."""
EVALUATION_SHARE = 1.12
"""Time of a rung over the time of its training: loading, evaluation, checkpoints."""


@dataclass(frozen=True)
class Order:
    """What a ladder is wanted for, and with what."""

    family: LlamaFamily
    target_flops: float
    """Compute of the final run."""
    limit_seconds: float
    """Wall time for everything here."""
    batch_size: int
    speed: Speed
    """Of one of `workers` processes at work side by side."""
    workers: int
    data_tokens: int
    """Training tokens there are; of a mixture what its sources are worth (`Supply.worth`)."""
    decay_fraction: float
    precision: str
    seed: int
    """Of the first runs; repeats use the next."""
    reasons: Mapping[str, Reason]
    """Of context and batch size, which are chosen before."""
    shared: bool = True
    """Whether the horizons of a size share a trunk; else each is a run of its own."""

    @property
    def tokens_per_step(self) -> int:
        """Tokens seen in one step."""
        return self.batch_size * self.family.context

    @property
    def most_flops(self) -> float:
        """What one rung may cost."""
        return LARGEST_RUNG * self.target_flops

    @property
    def most_steps(self) -> int:
        """How many steps the text suffices for."""
        _, tokens, _ = first_guess(self.target_flops)
        most = max(DATA_SHARE * self.data_tokens, min(tokens, MOST_PASSES * self.data_tokens))
        return int(most / self.tokens_per_step)

    def flops(self, shape: LlamaShape, steps: int) -> float:
        """Training FLOPs."""
        return float(shape.train_flops_per_token * steps * self.tokens_per_step)


def design_ladder(order: Order) -> Ladder:
    """Lays out the ladder for a final run.

    The largest rung costs an eighth of the final run at most, less where the time does not suffice. As time allows, sizes are
    run with further seeds, the largest first: their losses scatter most. No horizon is shorter than `START_STEPS`, unless
    nothing else fits; the ladder then warns.

    Raises:
        InputError: the budget, the time or the text is too small for any ladder.
    """
    if order.most_steps < 4 * SHORTEST_STEPS:
        raise InputError(
            f"data: {order.data_tokens:,} training tokens are too few for a ladder, which needs at least "
            f"{math.ceil(4 * SHORTEST_STEPS * order.tokens_per_step / DATA_SHARE):,} for this budget: add text"
        )
    for shortest in (START_STEPS, SHORTEST_STEPS):
        share = LARGEST_RUNG
        while share > SMALLEST_SHARE and (sizes := _sizes(order, share, shortest)):
            for repeats in range(MOST_REPEATS, 0, -1):
                rungs = _rungs(order, sizes, repeats, shortest)
                if _seconds(order, rungs) <= order.limit_seconds:
                    return _ladder(order, rungs)
            share *= 0.9
    least = _least(order)
    largest = max(order.flops(rung.shape, rung.horizons[-1]) for rung in least)
    if largest > order.most_flops:
        raise InputError(
            f"budget: {order.target_flops:.1e} FLOPs for the final run, but the smallest useful ladder has a rung of "
            f"{largest:.1e}, of which the final run should be at least {1 / LARGEST_RUNG:g} times: raise the budget"
        )
    raise InputError(
        f"budget: the smallest useful ladder takes {_seconds(order, least):.0f} s here, its share is "
        f"{order.limit_seconds:.0f} s: raise the budget or `ladder`"
    )


class _Size(NamedTuple):
    shape: LlamaShape
    horizons: tuple[int, ...]


def _sizes(order: Order, share: float, shortest: int) -> list[_Size]:
    """Sizes up to the final one, the longest run of each at `share` of its compute or at the end of the text.

    Where runs of that size would end before twice `shortest` steps, the sizes go less far. Empty where no sizes do.
    """

    def longest(shape: LlamaShape) -> int:
        return min(int(share * order.target_flops / order.flops(shape, 1)), order.most_steps)

    params, _, _ = first_guess(order.target_flops)
    largest = nearest_shape(order.family, params)
    while largest.width > order.family.narrowest and longest(largest) < 2 * shortest:
        largest = order.family.shape(largest.width - order.family.step)
    shapes = sizes_up_to(order.family, largest.params, SIZES)
    if longest(shapes[-1]) < 2 * shortest:
        return []
    return [_Size(shape, _horizons(longest(shape), shortest)) for shape in shapes]


def _horizons(longest: int, shortest: int) -> tuple[int, ...]:
    first = max(shortest, longest // LONGEST_OVER_SHORTEST)
    count = max(HORIZONS, 1 + math.ceil(math.log2(longest / first)))
    return tuple(round(first * (longest / first) ** (number / (count - 1))) for number in range(count))


def _rungs(order: Order, sizes: list[_Size], repeats: int, shortest: int) -> list[Rung]:
    rungs = [Rung(shape=shape, horizons=horizons, seed=order.seed, role="ladder") for shape, horizons in sizes]
    for number in range(repeats):
        shape, horizons = sizes[-1 - number % SIZES]
        seed = order.seed + 1 + number // SIZES
        rungs.append(Rung(shape=shape, horizons=horizons, seed=seed, role="repeat"))
    return rungs + _repetition(order, [shape for shape, _ in sizes], shortest)


def _least(order: Order) -> list[Rung]:
    """The smallest useful ladder."""
    shapes = sizes_up_to(order.family, 0.0, SIZES)
    return _rungs(
        order, [_Size(shape, _horizons(2 * SHORTEST_STEPS, SHORTEST_STEPS)) for shape in shapes], 1, order.most_steps
    )


def _repetition(order: Order, shapes: list[LlamaShape], shortest: int) -> list[Rung]:
    """The final run in small, where it will repeat its text: as many unique tokens for each parameter.

    The smallest size whose runs do not end before `shortest` steps; none where that would cost more than a rung may.
    """
    params, tokens, _ = first_guess(order.target_flops)
    if tokens <= order.data_tokens:
        return []
    for shape in shapes:
        unique = round(order.data_tokens * shape.params / params / order.tokens_per_step)
        passes = tuple(count * unique for count in REPETITION_PASSES)
        if passes[0] >= shortest and order.flops(shape, passes[-1]) <= order.most_flops:
            unique_tokens = unique * order.tokens_per_step
            return [Rung(shape=shape, horizons=passes, seed=order.seed, role="repetition", unique_tokens=unique_tokens)]
    return []


def _seconds(order: Order, rungs: list[Rung]) -> float:
    def taken(shape: LlamaShape, steps: float) -> float:
        return steps * order.tokens_per_step / order.speed.tokens_per_second(shape.train_flops_per_token)

    beside = order.decay_fraction if order.shared else 1.0
    jobs = [taken(rung.shape, trunk_steps(rung.horizons, beside)) for rung in rungs]
    search = SEARCH_RATES * taken(rungs[0].shape, rungs[0].horizons[0])
    return max(max(jobs), (sum(jobs) + search) / order.workers) * EVALUATION_SHARE


def _ladder(order: Order, rungs: list[Rung]) -> Ladder:
    _, tokens, guess = first_guess(order.target_flops)
    per_step = order.tokens_per_step
    shortest = min(rung.horizons[0] for rung in rungs)
    warmup, warmup_reason = warmup_steps(shortest)
    largest = max(order.flops(rung.shape, rung.horizons[-1]) for rung in rungs)
    sizes = [rung for rung in rungs if rung.role == "ladder"]
    repeats = [rung for rung in rungs if rung.role == "repeat"]
    return Ladder(
        context=order.family.context,
        batch_size=order.batch_size,
        warmup_steps=warmup,
        decay_fraction=order.decay_fraction,
        base_width=sizes[0].shape.width,
        base_depth=sizes[0].shape.depth,
        precision=order.precision,
        rungs=tuple(rungs),
        search_shape=sizes[0].shape,
        search_horizon=sizes[0].horizons[0],
        target_flops=order.target_flops,
        target_steps=round(tokens / per_step),
        seconds=_seconds(order, rungs),
        warnings=_warnings(shortest, per_step),
        reasons={
            **order.reasons,
            "target": guess,
            "warmup_steps": warmup_reason,
            "sizes": Reason(
                origin="derived",
                text=f"{', '.join(f'{rung.shape.params:,}' for rung in sizes)} params: up to about the size that the final run "
                "may have, or to the one whose runs leave the start of training, at about equal ratios",
            ),
            "horizons": Reason(
                origin="derived",
                text=f"up to {', '.join(f'{rung.horizons[-1] * per_step:,}' for rung in sizes)} tokens: equal compute, "
                f"{largest:.1e} FLOPs, {order.target_flops / largest:.1f}x less than the final run, or the end of the text; "
                f"shorter ones are branches, {sum(len(rung.horizons) for rung in sizes)} end points in all",
            ),
            "repeats": Reason(
                origin="derived",
                text=f"{len(repeats)} with further seeds, the largest sizes first: they scatter most, and the noise of a run "
                "is measured",
            ),
            "repetition": _repetition_reason(order, [rung for rung in rungs if rung.role == "repetition"]),
            "seconds": Reason(
                origin="derived",
                text=f"steps at the measured speed of {order.workers} processes side by side, and the search",
            ),
        },
    )


def _repetition_reason(order: Order, repetition: list[Rung]) -> Reason:
    _, tokens, _ = first_guess(order.target_flops)
    expected = f"{tokens:,.0f} tokens are expected of the final run, the text has {order.data_tokens:,}: "
    if tokens <= order.data_tokens:
        return Reason(origin="derived", text=expected + "no rung repeats its text")
    if not repetition:
        return Reason(
            origin="derived",
            text=expected
            + "runs that repeat it in small would end too early or cost too much, so that what repeats are worth "
            "is taken from Muennighoff et al. 2023 (arXiv:2305.16264)",
        )
    return Reason(
        origin="derived",
        text=expected + f"rungs of {repetition[0].shape.params:,} params see their text "
        f"{' and '.join(map(str, REPETITION_PASSES))} times, with as many unique tokens for each parameter as the final run, "
        "to measure what repeats are worth",
    )


def _warnings(shortest: int, tokens_per_step: int) -> tuple[str, ...]:
    if shortest >= START_STEPS:
        return ()
    return (
        f"the shortest runs of the ladder end after {shortest} steps ({shortest * tokens_per_step:,} tokens), where a model "
        f"still learns what every text has in common (up to about {START_STEPS} steps): expect a loss below the forecast; a "
        "larger budget, a larger `ladder` or more text would mend it",
    )
