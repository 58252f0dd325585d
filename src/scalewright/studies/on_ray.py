"""Jobs carried out by the nodes of a Ray cluster."""

import importlib
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import scalewright
from scalewright.errors import InputError, WorkError
from scalewright.studies.attempt import Reached, attempt, path_of, post_class
from scalewright.studies.executor import Answer, Job, Tick
from scalewright.studies.shipment import Shipment, pack
from scalewright.studies.snapshots import Snapshot, read_snapshot, write_snapshot
from scalewright.studies.work import alone

ATTEMPTS = 5
"""At a job, one after another without getting further, before its loss is a failure."""
ANSWER_SECONDS = 15.0
"""In which a cluster's port has to answer."""
PATIENCE_SECONDS = 90.0
"""With a cluster that says nothing, or has no node any more that a job fits on."""
POLL_SECONDS = 0.3

_ADDRESS = re.compile(r"auto|(ray://)?(?P<place>[^\s/:]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5})")
_HEAD = {"node:__internal_head__": 0.001}


@dataclass
class _Flight:
    """A job on its way."""

    job: Any
    number: int = -1
    """Of its present attempt."""
    lost: int = 0
    """Attempts that ended without getting further."""
    held: ExitStack = field(default_factory=ExitStack)
    """The lock on its folder."""


class RayExecutor:
    """The nodes of a Ray cluster, by its address.

    A job takes as many CPUs and GPUs as its attributes `threads` and `gpus` say. What its field `dataset` names is sent to each
    node once; what its field `folder` names goes with it, is brought back whenever it has changed, and written by this process
    alone. A job whose worker or node is lost is tried again from what came back last.

    Args:
        address: `auto`, `HOST:PORT` or `ray://HOST:PORT`.
        workers: Jobs side by side; by default one for each CPU of the cluster.
        attempts: Losses of one job, one after another without getting further, that end the study.

    Raises:
        InputError: the address is none, Ray is not installed, or no cluster answers.
    """

    def __init__(self, address: str, workers: int | None = None, attempts: int = ATTEMPTS) -> None:
        self.address, self.attempts = address, attempts
        self._ray, self._own = _connected(address)
        found = int(sum(node.get("CPU", 0) for node in self._nodes()))
        if not found:
            self._leave()
            raise InputError(f"--executor {address}: a cluster without CPUs: add nodes that have some")
        self.workers = workers or found
        self._post = self._ray.remote(post_class()).options(num_cpus=0, resources=_HEAD, max_restarts=-1).remote()
        self._attempt = self._ray.remote(attempt)
        self._numbers = count()
        self._shipments: dict[Path, Shipment] = {}
        self._flying: dict[Any, _Flight] = {}
        self._answered = self._fitted = time.monotonic()

    def run(
        self,
        work: Callable[[Job], Answer],
        jobs: Sequence[Job],
        heard: Callable[[Tick], None] = lambda tick: None,
    ) -> Iterator[tuple[Job, Answer]]:
        """Yields each job with its answer as it is finished; `heard` gets what workers report meanwhile.

        Raises:
            InputError: a job needs more than any node has.
            WorkError: a job was lost time and again, or the cluster was. Finished jobs have been yielded.
        """
        self._answered = self._fitted = time.monotonic()
        waiting = deque(jobs)
        for job in jobs:
            if not self._fits(job):
                raise InputError(
                    f"--executor {self.address}: {_needs_text(job)} for each run, found nodes with {self._nodes_text()}: add a "
                    "node that is large enough"
                )
        try:
            while waiting or self._flying:
                while waiting and len(self._flying) < self.workers:
                    job = waiting.popleft()
                    if getattr(job, "finished", False):
                        yield job, work(job)
                    else:
                        self._begin(work, job)
                done, _ = self._ray.wait(list(self._flying), timeout=POLL_SECONDS) if self._flying else ([], [])
                self._listen(heard)
                for reference in done:
                    flight = self._flying.pop(reference)
                    reached = self._reached(reference, flight)
                    if reached is None:
                        self._send(work, flight)
                        continue
                    self._keep(flight, reached.snapshot)
                    flight.held.close()
                    if reached.failure is not None:
                        raise reached.failure
                    yield flight.job, reached.answer
        except ConnectionError as error:
            raise self._gone() from error
        finally:
            self._drop()

    def _begin(self, work: Callable[[Any], Any], job: Any) -> None:
        flight = _Flight(job)
        folder = path_of(job, "folder")
        if folder is not None:
            flight.held.enter_context(alone(folder))
        self._send(work, flight)

    def _send(self, work: Callable[[Any], Any], flight: _Flight) -> None:
        """Begins the next attempt at a job."""
        dataset, folder = path_of(flight.job, "dataset"), path_of(flight.job, "folder")
        if dataset is not None and dataset not in self._shipments:
            self._shipments[dataset] = pack(dataset, self._ray.put)
        flight.number = next(self._numbers)
        cpus, gpus = _needs(flight.job)
        options = self._attempt.options(num_cpus=cpus, num_gpus=gpus, max_retries=0)
        reference = options.remote(
            flight.number,
            self._post,
            work,
            flight.job,
            None if dataset is None else self._shipments[dataset],
            None if folder is None else read_snapshot(folder),
        )
        self._flying[reference] = flight

    def _reached(self, reference: Any, flight: _Flight) -> Reached | None:
        """How an attempt ended; None where it was lost and another is due."""
        from ray.exceptions import RayError, RayTaskError

        try:
            reached: Reached = self._ray.get(reference)
            return reached
        except RayTaskError as error:
            cause: BaseException = error.cause if isinstance(error.cause, BaseException) else error
        except RayError as error:
            cause = error
        reason = _loss(cause)
        if reason is None:
            flight.held.close()
            raise cause
        flight.lost += 1
        if flight.lost >= self.attempts:
            flight.held.close()
            raise WorkError(
                f"{_name(flight.job)}: lost {flight.lost} times without getting further, at last because {reason}: finished "
                "runs are kept; give the nodes more memory or mend the cluster, and start again to go on"
            )
        return None

    def _listen(self, heard: Callable[[Tick], None]) -> None:
        """Hears ticks and takes files in; files of attempts that are given up belong to nobody."""
        from ray.exceptions import RayError

        now = time.monotonic()
        try:
            ticks, snapshots = self._ray.get(self._post.take.remote(), timeout=PATIENCE_SECONDS)
            self._answered = now
        except RayError as error:
            if now - self._answered > PATIENCE_SECONDS:
                raise self._gone() from error
            return
        for tick in ticks.items():
            heard(tick)
        for flight in self._flying.values():
            if flight.number in snapshots:
                self._keep(flight, snapshots[flight.number])
                flight.lost = 0
        if now - self._fitted > PATIENCE_SECONDS / 10 and all(self._fits(f.job) for f in self._flying.values()):
            self._fitted = now
        if now - self._fitted > PATIENCE_SECONDS:
            lonely = next(flight.job for flight in self._flying.values())
            raise WorkError(
                f"the cluster at {self.address} has no node left for {_name(lonely)} ({_needs_text(lonely)}; found "
                f"{self._nodes_text()}): finished runs are kept, add nodes and start again to go on"
            )

    def _keep(self, flight: _Flight, snapshot: Snapshot | None) -> None:
        folder = path_of(flight.job, "folder")
        if folder is not None and snapshot is not None:
            write_snapshot(folder, snapshot)

    def _nodes(self) -> list[Mapping[str, float]]:
        return [node["Resources"] for node in self._ray.nodes() if node["Alive"]]

    def _nodes_text(self) -> str:
        found = sorted({(int(node.get("CPU", 0)), int(node.get("GPU", 0))) for node in self._nodes()})
        return " or ".join(f"{cpus} CPUs and {gpus} GPUs" for cpus, gpus in found) or "nothing"

    def _fits(self, job: object) -> bool:
        cpus, gpus = _needs(job)
        return any(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= gpus for node in self._nodes())

    def _gone(self) -> WorkError:
        return WorkError(
            f"the cluster at {self.address} does not answer any more: finished runs are kept, start again to go on"
        )

    def _drop(self) -> None:
        """Gives up whatever is still at work."""
        for reference, flight in self._flying.items():
            with suppress(Exception):  # of a cluster that is gone as well
                self._ray.cancel(reference, force=True)
            flight.held.close()
        self._flying = {}

    def _leave(self) -> None:
        if self._own:
            self._ray.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop()
        with suppress(Exception):
            self._ray.kill(self._post)
        self._leave()


def _connected(address: str) -> tuple[Any, bool]:
    """The module `ray`, connected to the cluster, and whether this call connected it."""
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise InputError(f"--executor {address}: expected local, auto, HOST:PORT or ray://HOST:PORT")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray, grpc = importlib.import_module("ray"), importlib.import_module("grpc")
    except ModuleNotFoundError as error:
        raise InputError(
            f"--executor {address}: {error.name} is not installed: pip install scalewright[cluster]"
        ) from None
    if ray.is_initialized():
        return ray, False
    if found["place"] and os.environ.get("RAY_USE_TLS", "0") != "1":
        # Ray itself takes minutes over a port at which something else listens.
        channel = grpc.insecure_channel(found["place"])
        try:
            grpc.channel_ready_future(channel).result(timeout=ANSWER_SECONDS)
        except grpc.FutureTimeoutError:
            raise InputError(
                f"--executor {address}: no Ray cluster answers within {ANSWER_SECONDS:.0f} s; expected the address that "
                "`ray start --head` printed (HOST:6379 on the cluster's own machines, ray://HOST:10001 elsewhere)"
            ) from None
        finally:
            channel.close()
    # Else Ray prints what becomes of its processes on standard output, among the answers.
    printing: Any = importlib.import_module("ray._private.worker")
    printing._worker_logs_enabled = False
    try:
        ray.init(
            address,
            logging_level="ERROR",
            log_to_driver=False,
            runtime_env={"py_modules": [str(Path(scalewright.__file__).parent)]},
        )
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise InputError(
            f"--executor {address}: no way into the cluster ({_first_line(error)}); expected auto or HOST:6379 on the "
            "cluster's own machines, ray://HOST:10001 elsewhere"
        ) from error
    return ray, True


def _needs(job: object) -> tuple[float, float]:
    return getattr(job, "threads", 1), getattr(job, "gpus", 0)


def _needs_text(job: object) -> str:
    cpus, gpus = _needs(job)
    return f"{cpus:g} CPUs" + (f" and {gpus:g} GPUs" if gpus else "")


def _name(job: object) -> str:
    folder = path_of(job, "folder")
    return f"job {job!r:.80}" if folder is None else f"run {folder.name}"


def _loss(error: BaseException) -> str | None:
    """Why an attempt was lost; None where its work failed by itself."""
    from ray import exceptions

    if isinstance(error, exceptions.OutOfMemoryError):
        return "its node ran out of memory"
    if isinstance(error, exceptions.NodeDiedError):
        return "its node died"
    if isinstance(error, exceptions.WorkerCrashedError):
        return "its worker process was killed (too little memory is the usual cause)"
    if isinstance(error, MemoryError) or "allocate memory" in str(error) or "out of memory" in str(error):
        return "it had too little memory"
    if isinstance(error, exceptions.RayError) and not isinstance(error, exceptions.RayTaskError):
        return f"of {type(error).__name__} ({_first_line(error)})"
    return None


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
