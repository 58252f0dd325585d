"""Choosing the model: the best forecast loss among all sizes that the budget can train."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from scalewright.architectures import LlamaFamily, LlamaShape
from scalewright.errors import InputError, WorkError
from scalewright.laws import Law, Supply
from scalewright.planning.plan import Candidate

FURTHEST_SIZE = 30.0
"""Sizes beyond this many times the largest one in the law's data are not considered."""


@dataclass(frozen=True)
class Budget:
    """What the final run may use: seconds of training, those before its first step among them, or FLOPs, and memory."""

    seconds: float | None = None
    flops: float | None = None
    memory_bytes: float = float("inf")
    startup_seconds: float = 0.0

    def __post_init__(self) -> None:
        if (self.seconds is None) == (self.flops is None):
            raise InputError("budget: give either a time or FLOPs")

    def tokens(self, flops_per_token: float, tokens_per_second: float) -> float:
        """Tokens that the budget buys a model of this cost and speed."""
        if self.flops is not None:
            return self.flops / flops_per_token
        assert self.seconds is not None
        return (self.seconds - self.startup_seconds) * tokens_per_second


def candidates(
    law: Law,
    family: LlamaFamily,
    budget: Budget,
    tokens_per_second: Callable[[float], float],
    batch_size: int,
    supply: Supply,
    needed_bytes: Callable[[LlamaShape], float],
) -> list[Candidate]:
    """Every planned size of the family that fits, with the tokens that the budget buys it and its forecast loss.

    Tokens beyond the `supply` are repeats; `needed_bytes` of memory is what a shape's training takes. Sizes with half a head
    too much serve the ladder alone: `transformers` does not load them all.

    Raises:
        WorkError: no size fits, with the limit that binds.
    """
    per_step = batch_size * family.context
    shapes: list[LlamaShape] = []
    steps: list[int] = []
    for shape in map(family.shape, family.widths()):
        if shape.params > FURTHEST_SIZE * law.support.params[1]:
            break
        speed = tokens_per_second(shape.train_flops_per_token)
        count = int(budget.tokens(shape.train_flops_per_token, speed) / per_step)
        if needed_bytes(shape) <= budget.memory_bytes and count >= 100:
            shapes.append(shape)
            steps.append(count)
    if not shapes:
        smallest = family.shape(2 * family.head_size)
        raise WorkError(
            f"no model fits: the smallest, {smallest.params:,} params, needs 100 steps of {per_step} tokens and "
            f"{needed_bytes(smallest):,.0f} bytes: raise the budget"
        )
    params = np.array([float(shape.params) for shape in shapes])
    tokens = np.array([float(count * per_step) for count in steps])
    losses = law.losses(params, tokens, unique_tokens=supply.unique(tokens))
    return [
        Candidate(
            shape=shape,
            params=shape.params,
            tokens=count * per_step,
            steps=count,
            flops=float(count * per_step * shape.train_flops_per_token),
            seconds=budget.startup_seconds + count * per_step / tokens_per_second(shape.train_flops_per_token),
            loss=float(loss),
        )
        for shape, count, loss in zip(shapes, steps, losses, strict=True)
    ]


def choose(found: Sequence[Candidate]) -> tuple[Candidate, Candidate]:
    """The best candidate and the runner-up."""
    best, *others = sorted(found, key=lambda candidate: candidate.loss)
    return best, others[0] if others else best
