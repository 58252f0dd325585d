"""Laying out a ladder: sizes, horizons and repeats that a law can be fitted on, within a share of the budget.

The final run lies beyond the ladder both in params and in tokens. What it costs to know the law there is least along two edges:
small sizes that see as many tokens as the final run, and sizes as large as the final run that see few; what size and tokens do
together is learned from the grid between them. No run costs more than a fixed share of the final one.
"""

import itertools
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
WORTH_LONGER = 1.4
"""A horizon limited by the text is run where it is longer by this factor."""
START_STEPS = 400
"""Below about so many steps a model is still learning what every text has in common, above all to copy; a law fitted to
runs that end there forecast losses 6 to 9 % too high (docs/log.md, 2026-11-24: 300 steps; with 400, 0.8 %)."""
SHORTEST_STEPS = 50
EVALUATION_SHARE = 1.12
"""Time of a rung over the time of its training: loading, evaluation, checkpoints."""


class Extras(NamedTuple):
    """What a ladder has beyond its grid, as time allows."""

    doublings: tuple[int, ...]
    """How often the horizons of the smallest sizes are doubled, as far as they then cost no more than a rung may."""
    wide: int
    """Sizes twice and four times the grid's largest, with its two and its one shortest horizons."""
    repeated: int
    """Sizes that are run with a second seed."""


EXTRAS = (
    tuple(
        Extras(doublings, wide, repeated)
        for doublings, wide in (((2, 1), 2), ((1, 1), 2), ((1,), 2), ((1,), 1))
        for repeated in (4, 3, 2, 1)
    ),
    (Extras((), 0, 2), Extras((), 0, 1)),
)
"""The richest that fits is taken; those without the edges only where no others fit at all (docs/log.md, 2026-11-24)."""


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
    """Training tokens there are."""
    decay_fraction: float
    precision: str
    seed: int
    """Of the first runs; repeats use the next."""
    reasons: Mapping[str, Reason]
    """Of context and batch size, which are chosen before."""

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

    The largest rung costs an eighth of the final run at most, less where the time does not suffice. The sizes below it are at
    equal ratios, half the next where the family is fine enough. As time allows, small sizes get longer horizons and larger
    ones are added with short horizons, and sizes are run with a second seed, the smallest first: the noise is measured, not
    guessed. No horizon is shorter than `START_STEPS`, unless nothing else fits; the ladder then warns.

    Raises:
        InputError: the budget, the time or the text is too small for any ladder.
    """
    if order.most_steps < 4 * SHORTEST_STEPS:
        raise InputError(
            f"data: {order.data_tokens:,} training tokens are too few for a ladder, which needs at least "
            f"{math.ceil(4 * SHORTEST_STEPS * order.tokens_per_step / DATA_SHARE):,} for this budget: add text"
        )
    for shortest, tried in itertools.product((START_STEPS, SHORTEST_STEPS), EXTRAS):
        share = LARGEST_RUNG
        while share > SMALLEST_SHARE:
            grid = _grid(order, share, shortest)
            for extras in tried if grid.horizons[0] >= shortest else ():
                rungs = _rungs(order, grid, extras, shortest)
                if _fits(order, grid, rungs):
                    return _ladder(order, grid, extras, rungs)
            share *= 0.9
    rungs = _rungs(order, grid, Extras((), 0, 1), SHORTEST_STEPS)
    largest = max(order.flops(rung.shape, rung.horizons[-1]) for rung in rungs)
    if largest > order.most_flops:
        raise InputError(
            f"budget: {order.target_flops:.1e} FLOPs for the final run, but the smallest useful ladder has a rung of "
            f"{largest:.1e}, of which the final run should be at least {1 / LARGEST_RUNG:g} times: raise the budget"
        )
    raise InputError(
        f"budget: the smallest useful ladder takes {_seconds(order, grid, rungs):.0f} s here, its share is "
        f"{order.limit_seconds:.0f} s: raise the budget or `ladder`"
    )


class _Grid(NamedTuple):
    shapes: list[LlamaShape]
    horizons: tuple[int, int, int]


def _grid(order: Order, share: float, shortest: int) -> _Grid:
    """Sizes and horizons whose largest run costs `share` of the final one.

    Params and tokens shrink alike, so that the rungs lie on the line that leads to the final run; tokens no further than to
    horizons of `shortest` steps, then params alone.
    """
    params, tokens, _ = first_guess(order.target_flops)
    longest = max(tokens * share**0.5, 4 * shortest * order.tokens_per_step)
    top = min(int(longest / order.tokens_per_step), order.most_steps) // 4 * 4
    return _Grid(sizes_up_to(order.family, params * tokens * share / longest, SIZES), (top // 4, top // 2, top))


def _rungs(order: Order, grid: _Grid, extras: Extras, shortest: int) -> list[Rung]:
    first, middle, top = grid.horizons
    rungs = []
    for number, shape in enumerate(grid.shapes):
        wanted = extras.doublings[number] if number < len(extras.doublings) else 0
        affordable = int(math.log2(max(order.most_flops / order.flops(shape, top), 1.0)))
        longer = {min(2**doubling * top, order.most_steps) for doubling in range(1, min(wanted, affordable) + 1)}
        further = sorted(horizon for horizon in longer if horizon >= WORTH_LONGER * top)
        rungs.append(Rung(shape=shape, horizons=(*grid.horizons, *further), seed=order.seed, role="ladder"))
    for horizons in ((first, middle), (first,))[: extras.wide]:
        shape = _affordable(order, 2 * rungs[-1].shape.params, horizons[-1])
        if shape.width > rungs[-1].shape.width:
            rungs.append(Rung(shape=shape, horizons=horizons, seed=order.seed, role="ladder"))
    for shape in grid.shapes[: extras.repeated]:
        rungs.append(Rung(shape=shape, horizons=grid.horizons, seed=order.seed + 1, role="repeat"))
    return rungs + _repetition(order, grid, shortest)


def _affordable(order: Order, params: float, steps: int) -> LlamaShape:
    """The shape nearest to `params` that a rung of `steps` steps may have."""
    shape = nearest_shape(order.family, params)
    while order.flops(shape, steps) > order.most_flops and shape.width > order.family.narrowest:
        shape = order.family.shape(shape.width - order.family.step)
    return shape


def _repetition(order: Order, grid: _Grid, shortest: int) -> list[Rung]:
    """The final run in small, where it will repeat its text: as many unique tokens for each parameter.

    The smallest size whose runs do not end before `shortest` steps; none where that would cost more than a rung may.
    """
    params, tokens, _ = first_guess(order.target_flops)
    if tokens <= order.data_tokens:
        return []
    for shape in grid.shapes:
        unique = round(order.data_tokens * shape.params / params / order.tokens_per_step)
        passes = tuple(count * unique for count in REPETITION_PASSES)
        if passes[0] >= shortest and order.flops(shape, passes[-1]) <= order.most_flops:
            unique_tokens = unique * order.tokens_per_step
            return [Rung(shape=shape, horizons=passes, seed=order.seed, role="repetition", unique_tokens=unique_tokens)]
    return []


def _fits(order: Order, grid: _Grid, rungs: list[Rung]) -> bool:
    return _seconds(order, grid, rungs) <= order.limit_seconds and all(
        order.flops(rung.shape, rung.horizons[-1]) <= order.most_flops for rung in rungs
    )


def _seconds(order: Order, grid: _Grid, rungs: list[Rung]) -> float:
    def taken(shape: LlamaShape, steps: float) -> float:
        return steps * order.tokens_per_step / order.speed.tokens_per_second(shape.train_flops_per_token)

    jobs = [taken(rung.shape, trunk_steps(rung.horizons, order.decay_fraction)) for rung in rungs]
    search = SEARCH_RATES * taken(grid.shapes[0], grid.horizons[0])
    return max(max(jobs), (sum(jobs) + search) / order.workers) * EVALUATION_SHARE


def _ladder(order: Order, grid: _Grid, extras: Extras, rungs: list[Rung]) -> Ladder:
    _, tokens, guess = first_guess(order.target_flops)
    per_step = order.tokens_per_step
    warmup, warmup_reason = warmup_steps(grid.horizons[0])
    largest = max(order.flops(rung.shape, rung.horizons[-1]) for rung in rungs)
    furthest = max(rung.horizons[-1] for rung in rungs if rung.role == "ladder")
    wide = [rung for rung in rungs if rung.role == "ladder"][SIZES:]
    repetition = [rung for rung in rungs if rung.role == "repetition"]
    return Ladder(
        context=order.family.context,
        batch_size=order.batch_size,
        warmup_steps=warmup,
        decay_fraction=order.decay_fraction,
        base_width=grid.shapes[0].width,
        base_depth=grid.shapes[0].depth,
        precision=order.precision,
        rungs=tuple(rungs),
        search_shape=grid.shapes[0],
        search_horizon=grid.horizons[0],
        target_flops=order.target_flops,
        target_steps=round(tokens / per_step),
        seconds=_seconds(order, grid, rungs),
        warnings=_warnings(grid.horizons[0], per_step),
        reasons={
            **order.reasons,
            "target": guess,
            "warmup_steps": warmup_reason,
            "sizes": Reason(
                origin="derived",
                text=f"{', '.join(f'{shape.params:,}' for shape in grid.shapes)} params"
                + "".join(f", {rung.shape.params:,} to {rung.horizons[-1] * per_step:,} tokens" for rung in wide)
                + f": at about equal ratios; the largest rung costs {largest:.1e} FLOPs, "
                f"{order.target_flops / largest:.1f}x less than the final run",
            ),
            "horizons": Reason(
                origin="derived",
                text=f"{', '.join(f'{h * per_step:,}' for h in grid.horizons)} tokens"
                + (f", small sizes up to {furthest * per_step:,}" if furthest > grid.horizons[-1] else "")
                + ": branches of one trunk per size",
            ),
            "repeats": Reason(
                origin="derived",
                text=f"smallest sizes run with a second seed, to measure the noise of a run: {extras.repeated}",
            ),
            "repetition": _repetition_reason(order, repetition),
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
