"""Settings that follow from the size of the job by a rule, each with its reason."""

import math
from typing import NamedTuple

from scalewright.documents import Reason

TOKENS_PER_PARAM = 8.0
WARMUP_SHARE, MOST_WARMUP = 50, 2000
"""Of the steps, one in so many is warmup, and no more than the second of these."""

CONTEXTS = ((1e15, 128), (1e17, 256), (1e19, 512), (1e20, 1024), (math.inf, 2048))


def first_guess(flops: float) -> tuple[float, float, Reason]:
    """Params and tokens of a model trained for `flops`, before any law is known."""
    params = math.sqrt(flops / (6 * TOKENS_PER_PARAM))
    return (
        params,
        flops / (6 * params),
        Reason(
            origin="assumed",
            text=f"{TOKENS_PER_PARAM:g} tokens per parameter, less than the 20 of Hoffmann et al. 2022 (arXiv:2203.15556) "
            "since small vocabularies and trunks want larger models; only places the ladder, the law then decides",
        ),
    )


def context_length(flops: float) -> tuple[int, Reason]:
    """Context in tokens for a job of `flops`."""
    context = next(context for limit, context in CONTEXTS if flops < limit)
    return context, Reason(
        origin="assumed",
        text=f"{context} tokens at {flops:.1e} FLOPs: longer contexts pay once a model can use them, "
        "and attention's share of the work stays small",
    )


def batch_tokens(tokens: float, context: int) -> tuple[int, Reason]:
    """Sequences per step for runs of about `tokens` tokens: a power of two, not above the optimum.

    Too large a batch costs short runs more than long ones (docs/log.md, 2026-11-23) and so bends the law; too small a one only
    costs time.
    """
    optimum = 0.58 * tokens**0.571
    sequences = 2 ** max(2, math.floor(math.log2(optimum / context)))
    return sequences, Reason(
        origin="cited",
        text=f"0.58·D^0.571 = {optimum:,.0f} tokens at D = {tokens:.2g}, the middle of the rungs "
        f"(step law, Li et al. 2025, arXiv:2503.04715), the power of two of sequences below it: {sequences} x {context}",
    )


def step_law_rate(params: float, tokens: float) -> tuple[float, Reason]:
    """The learning rate of AdamW for matrices of a language model."""
    rate = 1.79 * params**-0.713 * tokens**0.307
    return rate, Reason(
        origin="cited",
        text=f"1.79 N^-0.713 D^0.307 = {rate:.2g} (step law, Li et al. 2025, arXiv:2503.04715)",
    )


def warmup_of_a_run(steps: int) -> tuple[int, Reason]:
    """Steps in which the rate rises."""
    warmup = min(steps, MOST_WARMUP, max(10, steps // WARMUP_SHARE))
    return warmup, Reason(
        origin="assumed", text=f"one step in {WARMUP_SHARE}, at least 10 and at most {MOST_WARMUP:,}: {warmup:,}"
    )


def weight_decay(learning_rate: float, steps: int) -> tuple[float, Reason]:
    """AdamW's, of a run of so many steps."""
    return 1 / (learning_rate * steps), Reason(
        origin="derived",
        text=f"1/(learning rate x {steps:,} steps): weights forget their past over the length of the run "
        "(Wang & Aitchison 2024, arXiv:2405.13698)",
    )


def ladder_batch(flops: float, context: int) -> tuple[int, Reason]:
    """Sequences per step of a whole study whose final run has about `flops`: the rule at a tenth of that run's tokens.

    There the ladder's horizons have their middle; one batch for all runs keeps them branches of one law.
    """
    _, tokens, _ = first_guess(flops)
    return batch_tokens(tokens / 10, context)


class Settings(NamedTuple):
    """What is chosen from a rough idea of the final run's compute, before anything is timed."""

    params: float
    """First guess of the final size."""
    context: int
    batch_size: int
    reasons: dict[str, Reason]


def first_settings(flops: float) -> Settings:
    """Context and batch of a whole study whose final run has about `flops`."""
    params, _, _ = first_guess(flops)
    context, context_reason = context_length(flops)
    batch, batch_reason = ladder_batch(flops, context)
    return Settings(params, context, batch, {"context": context_reason, "batch_size": batch_reason})


def warmup_steps(shortest: int) -> tuple[int, Reason]:
    """Warmup in steps, the same for every run of a study."""
    steps = max(10, shortest // 10)
    return steps, Reason(
        origin="assumed",
        text=f"a tenth of the shortest run's {shortest} steps; equal in all runs, so that longer ones share the trunk",
    )
