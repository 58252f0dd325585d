"""Work shared out among processes, its results in the order of the work."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from os import environ
from typing import TypeVar

from scalewright.errors import WorkError
from scalewright.machines.host import usable_threads

Work = TypeVar("Work")
Result = TypeVar("Result")

AHEAD = 3
"""Pieces of work that each process has before it: their results are all that memory holds."""


def in_order(do: Callable[[Work], Result], work: Iterable[Work], processes: int | None = None) -> Iterator[Result]:
    """The result of each piece of work in turn, whatever the number of processes; in this one where it is 1.

    Args:
        do: What a process does; it and the pieces of work are pickled.
        work: Taken as it is needed.
        processes: One for each usable thread by default.

    Raises:
        WorkError: a process was lost.
    """
    count = usable_threads() if processes is None else processes
    if count == 1:
        yield from map(do, work)
        return
    pieces = iter(work)
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_alone)
    try:
        ahead: deque[Future[Result]] = deque(pool.submit(do, piece) for piece in islice(pieces, AHEAD * count))
        while ahead:
            yield ahead.popleft().result()
            ahead.extend(pool.submit(do, piece) for piece in islice(pieces, 1))
    except BrokenProcessPool:
        raise WorkError(
            "a process that prepared data was lost (killed, or out of memory; or started by a script that does not call "
            '`prepare` under `if __name__ == "__main__":`): call again to go on'
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _alone() -> None:
    # Every processor has a process already: none is to start threads of its own.
    environ["TOKENIZERS_PARALLELISM"] = "false"
