"""One attempt at a job on a node of a cluster: it works in a folder of its own, and only the driver writes results."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from scalewright.errors import ScalewrightError
from scalewright.studies.executor import reports_go_to
from scalewright.studies.shipment import Shipment, scratch_folder, unpack
from scalewright.studies.snapshots import Listing, Snapshot, listing, read_snapshot, write_snapshot

WATCH_SECONDS = 0.5


class Reached(NamedTuple):
    """How an attempt ended where nothing came between: with an answer, or with the work's own failure."""

    answer: Any
    failure: ScalewrightError | None
    snapshot: Snapshot | None


def post_class() -> type:
    """The class of what attempts have to say until the driver asks: an actor on the cluster's head.

    Made here, so that it goes to the head by value: its process need not load what a worker needs.
    """

    class Post:
        def __init__(self) -> None:
            self.ticks: dict[str, float] = {}
            self.snapshots: dict[int, dict[str, bytes]] = {}

        def tell(self, name: str, done: float) -> None:
            self.ticks[name] = done

        def keep(self, attempt: int, snapshot: dict[str, bytes]) -> None:
            self.snapshots[attempt] = snapshot

        def take(self) -> tuple[dict[str, float], dict[int, dict[str, bytes]]]:
            taken = self.ticks, self.snapshots
            self.ticks, self.snapshots = {}, {}
            return taken

    return Post


def attempt(
    number: int,
    post: Any,
    work: Callable[[Any], Any],
    job: Any,
    dataset: Shipment | None,
    begun: Snapshot | None,
) -> Reached:
    """Does a job on this node.

    Args:
        number: Of this attempt; no other has it.
        post: The actor that ticks and files go to.
        work: What is to be done.
        job: With what.
        dataset: What the job's `dataset` holds.
        begun: What the job's `folder` holds.
    """
    import ray

    with ExitStack() as stack:
        places: dict[str, Path] = {}
        if dataset is not None:
            places["dataset"] = unpack(dataset, ray.get)
        if begun is not None:
            places["folder"] = stack.enter_context(scratch_folder())
            write_snapshot(places["folder"], begun)
            stack.enter_context(_Sender(places["folder"], lambda files: ray.get(post.keep.remote(number, files))))
        reports_go_to(lambda tick: post.tell.remote(*tick))
        stack.callback(reports_go_to, None)
        answer, failure = None, None
        try:
            answer = work(replace(job, **places) if places else job)
        except ScalewrightError as error:
            failure = error
        return Reached(answer, failure, read_snapshot(places["folder"]) if "folder" in places else None)


def path_of(job: object, name: str) -> Path | None:
    """A folder that a job names in its field `name`; None where it has none."""
    known = is_dataclass(job) and any(field.name == name for field in fields(job))
    return getattr(job, name) if known else None


class _Sender:
    """Sends the folder's files whenever they have changed, from a thread beside the work."""

    def __init__(self, folder: Path, send: Callable[[Snapshot], object]) -> None:
        self._folder, self._send, self._over = folder, send, threading.Event()
        self._sent: Listing = listing(folder)
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        from ray.exceptions import RayError

        while not self._over.wait(WATCH_SECONDS):
            now = listing(self._folder)
            if now == self._sent:
                continue
            snapshot = read_snapshot(self._folder)
            if snapshot is None or listing(self._folder) != now:
                continue
            try:
                self._send(snapshot)
            except RayError:  # the next one may get through; without any, another attempt begins earlier
                continue
            self._sent = now
