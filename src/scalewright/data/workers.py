"""Work shared out among processes, its results in the order of the work."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context, parent_process
from typing import Self, TypeVar

from scalewright.errors import WorkError
from scalewright.machines.host import usable_threads

Work = TypeVar("Work")
Result = TypeVar("Result")

AHEAD = 3
"""Pieces of work that each process has before it: their results are all that memory holds."""


class Workers:
    """Processes that are started when there is work for them, and end with the `with` block.

    Args:
        processes: So many; one for each usable thread by default. With 1, all is done in this process.
    """

    def __init__(self, processes: int | None = None) -> None:
        self.asked, self.count = processes, processes or usable_threads()
        self._pool: ProcessPoolExecutor | None = None

    def in_order(self, do: Callable[[Work], Result], work: Iterable[Work], few: bool = False) -> Iterator[Result]:
        """The result of each piece of work in turn, whatever the number of processes.

        Args:
            do: What a process does; it and the pieces of work are pickled.
            work: Taken as it is needed.
            few: Whether it is done here before others have begun; so it is, unless they have, or their number was asked for.

        Raises:
            WorkError: a process was lost.
        """
        if self.count == 1 or (few and self.asked is None and not self._pool):
            yield from map(do, work)
            return
        pool = self._pool = self._pool or ProcessPoolExecutor(
            self.count, mp_context=get_context("spawn"), initializer=_alone
        )
        pieces = iter(work)
        try:
            ahead: deque[Future[Result]] = deque(pool.submit(do, piece) for piece in islice(pieces, AHEAD * self.count))
            while ahead:
                yield ahead.popleft().result()
                ahead.extend(pool.submit(do, piece) for piece in islice(pieces, 1))
        except BrokenProcessPool:
            raise WorkError(
                "a process that prepared data was lost (killed, or out of memory; or started by a script that does not call "
                '`prepare` under `if __name__ == "__main__":`): call again to go on'
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)


def _alone() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    # Every processor has a process already: none is to start threads of its own.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    # A process that waits for work does not notice that whoever would give it was killed.
    parent = parent_process()
    if parent:
        parent.join()
        os._exit(1)
