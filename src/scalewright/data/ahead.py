"""The next batch, made while a step is at work on this one."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """Calls `batch(step)` in a thread of its own, one step before it is asked for.

    Args:
        batch: A pure function of the step.
    """

    def __init__(self, batch: Callable[[int], T]) -> None:
        self._batch = batch
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._made: tuple[int, Future[T]] | None = None

    def __call__(self, step: int) -> T:
        """The batch of a step, counted from 0, and the next one under way."""
        if self._made is None or self._made[0] != step:
            self._made = step, self._thread.submit(self._batch, step)
        asked = self._made[1]
        self._made = step + 1, self._thread.submit(self._batch, step + 1)
        return asked.result()
