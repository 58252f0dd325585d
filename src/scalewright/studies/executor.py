"""Where the runs of a study are carried out: here, as processes side by side."""

import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from types import TracebackType
from typing import Protocol, Self, TypeVar

from scalewright.errors import WorkError

Job = TypeVar("Job")
Answer = TypeVar("Answer")

Tick = tuple[str, float]
"""Of which job, and how much of it is done, in the unit that the job counts in."""

_tell: Callable[[Tick], None] | None = None


def report(tick: Tick) -> None:
    """Tells the process that started this worker how far a job is; does nothing outside a worker."""
    if _tell is not None:
        _tell(tick)


def reports_go_to(tell: Callable[[Tick], None] | None) -> None:
    """Makes this process a worker whose reports go to `tell`."""
    global _tell
    _tell = tell


class Executor(Protocol):
    """Carries out jobs, from when it is entered to when it is left."""

    workers: int
    """Jobs at work side by side, at most."""

    def run(
        self, work: Callable[[Job], Answer], jobs: Sequence[Job], heard: Callable[[Tick], None]
    ) -> Iterator[tuple[Job, Answer]]:
        """Yields each job with its answer as it is finished; jobs are begun in the order given."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class LocalExecutor:
    """`workers` processes of this machine. They end when the process that started them does, however it ends."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        context = get_context("spawn")
        self._ticks: SimpleQueue[Tick] = context.SimpleQueue()
        self._pool = ProcessPoolExecutor(
            workers, mp_context=context, initializer=_begin_worker, initargs=(os.getpid(), self._ticks)
        )

    def run(
        self,
        work: Callable[[Job], Answer],
        jobs: Sequence[Job],
        heard: Callable[[Tick], None] = lambda tick: None,
    ) -> Iterator[tuple[Job, Answer]]:
        """Yields each job with its answer as it is finished; `heard` gets what workers report meanwhile.

        Raises:
            WorkError: a worker was killed. Finished jobs have been yielded.
        """
        # No more than there are workers: a job that waits in the pool's own queue is begun even after the study has ended.
        waiting, pending = deque(jobs), dict[Future[Answer], Job]()
        try:
            while waiting or pending:
                while waiting and len(pending) < self.workers:
                    job = waiting.popleft()
                    pending[self._pool.submit(work, job)] = job
                done, _ = wait(pending, timeout=0.3, return_when=FIRST_COMPLETED)
                while not self._ticks.empty():
                    heard(self._ticks.get())
                for future in done:
                    yield pending.pop(future), future.result()
        except BrokenProcessPool as error:
            raise WorkError(
                "a worker process was killed (too little memory is the usual cause), or started by a script that does not call "
                'this under `if __name__ == "__main__":`: finished runs are kept, start again to go on'
            ) from error
        finally:
            for future in pending:
                future.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            # A failed or interrupted study does not wait for what is still running.
            for process in list((self._pool._processes or {}).values()):
                process.terminate()
        self._pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker(parent: int, ticks: "SimpleQueue[Tick]") -> None:
    """Asks the kernel to kill this worker with its parent, and leaves Ctrl-C to the parent."""
    reports_go_to(ticks.put)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
