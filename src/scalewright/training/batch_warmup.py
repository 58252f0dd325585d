"""Batches that begin small and double: early on few rows tell as much as many (Merrill et al. 2025, arXiv:2505.23971)."""

import math
from dataclasses import dataclass

import torch

from scalewright.data.shares import rows_of
from scalewright.planning.recipe import Recipe
from scalewright.tasks import Batch, Feed
from scalewright.training.schedule import Schedule


@dataclass(frozen=True)
class BatchWarmup:
    """Rows of each step: `first`, doubled at even distances over `steps` steps up to `full`. A pure function of the step."""

    first: int
    full: int
    steps: int

    @property
    def stages(self) -> tuple[tuple[int, int], ...]:
        """Each stage's first step and its rows."""
        sizes = [self.first]
        while sizes[-1] < self.full:
            sizes.append(min(2 * sizes[-1], self.full))
        doublings = max(1, len(sizes) - 1)
        # Rounded up, so that the last stage begins with the step after the last of the warmup.
        return tuple((-(-number * self.steps // doublings), size) for number, size in enumerate(sizes))

    def rows(self, step: int) -> int:
        """Rows of the batch of `step`, counted from 0."""
        return next(size for begin, size in reversed(self.stages) if begin <= step)

    def rows_before(self, step: int) -> int:
        """Rows of all steps before `step`: the place in the data where its batch begins."""
        ends = [*(begin for begin, _ in self.stages[1:]), step]
        return sum(
            size * (min(end, step) - begin)
            for (begin, size), end in zip(self.stages, ends, strict=True)
            if begin < step
        )


@dataclass(frozen=True)
class WithSmallBatches:
    """A schedule whose rate follows the rows of each batch: as (rows/full)^exponent.

    The noise of a gradient falls as 1/rows. AdamW's and Muon's steps are divided by their gradient's size, so the exponent is
    1/2 (Malladi et al. 2022, arXiv:2205.10782); SGD's are not, and it is 1 (Goyal et al. 2017, arXiv:1706.02677).
    """

    schedule: Schedule
    batch: BatchWarmup
    exponent: float

    @property
    def total(self) -> int:
        """Steps of the run."""
        return self.schedule.total

    @property
    def branch(self) -> int:
        """That of the schedule: how batches grow does not depend on the horizon."""
        return self.schedule.branch

    def factor(self, step: int) -> float:
        """Factor on the learning rate at `step`, counted from 0."""
        return self.schedule.factor(step) * math.pow(self.batch.rows(step) / self.batch.full, self.exponent)


class GrowingBatches:
    """Batches of the warmup's rows, cut from full ones: each row of the data comes once and in its order.

    Args:
        batch: Full batches.
        warmup: Rows of each step.
    """

    def __init__(self, batch: Feed, warmup: BatchWarmup) -> None:
        self._batch, self._warmup = batch, warmup

    def __call__(self, step: int, first: int = 0, count: int | None = None) -> Batch:
        """The batch of a step, counted from 0, or `count` of its rows from row `first` on.

        Raises:
            IndexError: the batch has no such rows.
        """
        share = rows_of(self._warmup.rows(step), first, count)
        full, before = self._warmup.full, self._warmup.rows_before(step)
        begin, end = before + share.start, before + share.stop
        # Rows are made as they are asked for: of a full batch that two steps share, each makes its own.
        parts = []
        for number in range(begin // full, max(begin, end - 1) // full + 1):
            start, stop = max(0, begin - number * full), min(full, end - number * full)
            parts.append(self._batch(number, start, stop - start))
        return parts[0] if len(parts) == 1 else tuple(torch.cat(both) for both in zip(*parts, strict=True))


def batch_warmup(recipe: Recipe) -> BatchWarmup:
    """That of a recipe; without one, full batches from the first step on."""
    return BatchWarmup(recipe.first_batch_size or recipe.batch_size, recipe.batch_size, recipe.batch_warmup_steps)


def growing(batch: Feed, recipe: Recipe) -> Feed:
    """Batches as the recipe asks for them; without a warmup, `batch` itself."""
    return batch if recipe.first_batch_size is None else GrowingBatches(batch, batch_warmup(recipe))
