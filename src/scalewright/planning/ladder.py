"""Which small runs to make: sizes, horizons and repeats that a law can be fitted on, within a share of the budget."""

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar, Literal, NamedTuple

from scalewright.architectures import LlamaFamily, LlamaShape
from scalewright.documents import Document, Part, Reason
from scalewright.errors import InputError
from scalewright.machines.speed import Speed
from scalewright.planning.rules import context_length, first_guess, ladder_batch, warmup_steps

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
    repeated: int
    """Sizes that are run with a second seed."""


EXTRAS = (
    tuple(Extras(doublings, repeated) for doublings in ((2, 1), (1, 1), (1,)) for repeated in (4, 3, 2, 1)),
    (Extras((), 2), Extras((), 1)),
)
"""The richest that fits is taken; those without longer horizons only where no others fit at all: what the tokens buy in the
end shows in the longest runs alone (docs/log.md, 2026-11-24)."""


class Rung(Part):
    """One trunk of the ladder: a size with its horizons, in steps."""

    shape: LlamaShape
    horizons: tuple[int, ...]
    seed: int
    role: Literal["ladder", "repeat", "repetition"]
    """ladder, repeat (another seed, for the noise) or repetition (fewer tokens seen several times)."""
    unique_tokens: int | None = None


class Ladder(Document):
    """The small runs of a study, the settings they share, and what they will cost."""

    KIND: ClassVar[str] = "ladder"

    context: int
    batch_size: int
    warmup_steps: int
    decay_fraction: float
    base_width: int
    base_depth: int
    precision: str
    rungs: tuple[Rung, ...]
    search_shape: LlamaShape
    search_horizon: int
    target_flops: float
    """Compute that the final run is expected to have."""
    target_steps: int
    """Steps that the final run is expected to have."""
    seconds: float
    """Predicted wall time of all rungs and the search."""
    warnings: tuple[str, ...]
    """What the reader of a forecast from this ladder should know."""
    reasons: dict[str, Reason]

    @property
    def tokens_per_step(self) -> int:
        """Tokens seen in one step."""
        return self.batch_size * self.context


def trunk_steps(horizons: Sequence[int], decay_fraction: float) -> float:
    """Steps that a trunk and its branches take together."""
    trunk = horizons[-1]
    return trunk + sum(decay_fraction * horizon for horizon in horizons[:-1])


def design_ladder(
    family: LlamaFamily,
    *,
    target_flops: float,
    limit_seconds: float,
    speed: Speed,
    workers: int,
    data_tokens: int,
    decay_fraction: float,
    precision: str,
    seed: int,
) -> Ladder:
    """Lays out the ladder for a final run of `target_flops`.

    The largest rung costs an eighth of the final run at most, less where the time does not suffice. The sizes below it are at
    equal ratios, half the next where the family is fine enough. As time allows, small ones get longer horizons, so that the
    data reach towards the final run's, and sizes are run with a second seed, the smallest first: the noise is measured, not
    guessed. No horizon is shorter than `START_STEPS`, unless nothing else fits; the ladder then warns.

    Args:
        family: shapes to choose from.
        target_flops: compute of the final run.
        limit_seconds: wall time for everything here.
        speed: of one of `workers` processes at work side by side.
        workers: processes.
        data_tokens: training tokens there are.
        decay_fraction: of the schedule.
        precision: of the matrix products.
        seed: of the first runs; repeats use the next.

    Raises:
        InputError: the budget is too small for any ladder.
    """

    def lay_out(share: float, shortest: int, extras: Extras) -> Ladder:
        return _lay_out(
            family, share, shortest, extras, target_flops, speed, workers, data_tokens, decay_fraction, precision, seed
        )

    for shortest, tried in itertools.product((START_STEPS, SHORTEST_STEPS), EXTRAS):
        share = LARGEST_RUNG
        while share > SMALLEST_SHARE:
            for extras in tried:
                ladder = lay_out(share, shortest, extras)
                if (
                    ladder.seconds <= limit_seconds
                    and _largest_flops(ladder) <= LARGEST_RUNG * target_flops
                    and min(rung.horizons[0] for rung in ladder.rungs if rung.role == "ladder") >= shortest
                ):
                    return ladder
            share *= 0.9
    largest = _largest_flops(ladder)
    if largest > LARGEST_RUNG * target_flops:
        raise InputError(
            f"budget: {target_flops:.1e} FLOPs for the final run, but the smallest useful ladder has a rung of "
            f"{largest:.1e}, of which the final run should be at least {1 / LARGEST_RUNG:g} times: raise the budget"
        )
    raise InputError(
        f"budget: the smallest useful ladder takes {ladder.seconds:.0f} s here, its share is {limit_seconds:.0f} s: "
        "raise the budget or `ladder`"
    )


def _largest_flops(ladder: Ladder) -> float:
    return max(rung.shape.train_flops_per_token * rung.horizons[-1] * ladder.tokens_per_step for rung in ladder.rungs)


def _lay_out(
    family: LlamaFamily,
    share: float,
    shortest: int,
    extras: Extras,
    target_flops: float,
    speed: Speed,
    workers: int,
    data_tokens: int,
    decay_fraction: float,
    precision: str,
    seed: int,
) -> Ladder:
    params, tokens, guess = first_guess(target_flops)
    _, batch_reason = ladder_batch(target_flops, family.context)
    batch = speed.batch_size
    per_step = batch * family.context
    # Params and tokens shrink alike, so that the rungs lie on the line that leads to the final run; tokens no further than to
    # horizons of `shortest` steps, then params alone.
    longest = max(tokens * share**0.5, 4 * shortest * per_step)
    shapes = _sizes(family, params * tokens * share / longest)
    available = max(DATA_SHARE * data_tokens, min(tokens, MOST_PASSES * data_tokens))
    top = max(1, int(min(longest, available) / per_step / 4)) * 4
    horizons = (top // 4, top // 2, top)
    warmup, warmup_reason = warmup_steps(horizons[0])
    most = int(available / per_step)
    rungs = []
    for number, shape in enumerate(shapes):
        wanted = extras.doublings[number] if number < len(extras.doublings) else 0
        within = LARGEST_RUNG * target_flops / (shape.train_flops_per_token * top * per_step)
        doublings = min(wanted, int(math.log2(max(within, 1.0))))
        longer = {min(2**doubling * top, most) for doubling in range(1, doublings + 1)}
        further = tuple(sorted(horizon for horizon in longer if horizon >= WORTH_LONGER * top))
        rungs.append(Rung(shape=shape, horizons=(*horizons, *further), seed=seed, role="ladder"))
    rungs += [Rung(shape=shape, horizons=horizons, seed=seed + 1, role="repeat") for shape in shapes[: extras.repeated]]
    if tokens > data_tokens:
        # The final run in small: as many unique tokens for each parameter as it will have.
        unique = max(4, round(data_tokens * shapes[0].params / params / per_step))
        passes = tuple(count * unique for count in REPETITION_PASSES)
        rungs.append(
            Rung(shape=shapes[0], horizons=passes, seed=seed, role="repetition", unique_tokens=unique * per_step)
        )
    jobs = [
        trunk_steps(rung.horizons, decay_fraction)
        * per_step
        / speed.tokens_per_second(rung.shape.train_flops_per_token)
        for rung in rungs
    ]
    search = SEARCH_RATES * horizons[0] * per_step / speed.tokens_per_second(shapes[0].train_flops_per_token)
    seconds = max(max(jobs), (sum(jobs) + search) / workers) * EVALUATION_SHARE
    furthest = max(rung.horizons[-1] for rung in rungs if rung.role == "ladder")
    top_flops = shapes[-1].train_flops_per_token * top * per_step
    return Ladder(
        context=family.context,
        batch_size=batch,
        warmup_steps=warmup,
        decay_fraction=decay_fraction,
        base_width=shapes[0].width,
        base_depth=shapes[0].depth,
        precision=precision,
        rungs=tuple(rungs),
        search_shape=shapes[0],
        search_horizon=horizons[0],
        target_flops=target_flops,
        target_steps=round(tokens / per_step),
        seconds=seconds,
        warnings=_warnings(horizons[0], per_step),
        reasons={
            "target": guess,
            "context": context_length(target_flops)[1],
            "batch_size": batch_reason,
            "warmup_steps": warmup_reason,
            "sizes": Reason(
                origin="derived",
                text=f"{', '.join(f'{shape.params:,}' for shape in shapes)} params: the largest rung costs {top_flops:.1e} "
                f"FLOPs, {target_flops / top_flops:.1f}x less than the final run; those below it at about equal ratios",
            ),
            "horizons": Reason(
                origin="derived",
                text=f"{', '.join(f'{h * per_step:,}' for h in horizons)} tokens"
                + (f", small sizes up to {furthest * per_step:,}" if furthest > top else "")
                + ": branches of one trunk per size",
            ),
            "repeats": Reason(
                origin="derived",
                text=f"smallest sizes run with a second seed, to measure the noise of a run: {extras.repeated}",
            ),
            "repetition": Reason(
                origin="derived",
                text=f"{tokens:,.0f} tokens are expected of the final run, the text has {data_tokens:,}: "
                + (
                    f"rungs see their text {' and '.join(map(str, REPETITION_PASSES))} times, with as many unique tokens for "
                    "each parameter as the final run, to measure what repeats are worth"
                    if tokens > data_tokens
                    else "no rung repeats its text"
                ),
            ),
            "seconds": Reason(
                origin="derived",
                text=f"steps at the measured speed of {workers} processes side by side, and the search",
            ),
        },
    )


def _warnings(shortest: int, tokens_per_step: int) -> tuple[str, ...]:
    if shortest >= START_STEPS:
        return ()
    return (
        f"the shortest runs of the ladder end after {shortest} steps ({shortest * tokens_per_step:,} tokens), where a model "
        f"still learns what every text has in common (up to about {START_STEPS} steps): expect a loss below the forecast; a "
        "larger budget, a larger `ladder` or more text would mend it",
    )


@lru_cache(maxsize=4096)
def nearest_shape(family: LlamaFamily, params: float, wider_than: int = 0) -> LlamaShape:
    """The shape whose params are nearest to `params` by ratio, among those wider than `wider_than`."""
    width = max(family.narrowest, wider_than + family.step)
    shape = family.shape(width)
    while (wider := family.shape(shape.width + family.step)).params <= params:
        shape = wider
    return min((shape, wider), key=lambda candidate: abs(math.log(candidate.params / params)))


def _sizes(family: LlamaFamily, params: float) -> list[LlamaShape]:
    """`SIZES` distinct shapes, ascending at equal ratios: from an eighth of `params`, or the narrowest, to `params`."""
    least = max(params / 2 ** (SIZES - 1), family.shape(family.narrowest).params)
    chosen: list[LlamaShape] = []
    for number in range(SIZES):
        wanted = least * max(params / least, 1.0) ** (number / (SIZES - 1))
        chosen.append(nearest_shape(family, wanted, chosen[-1].width if chosen else 0))
    return chosen
