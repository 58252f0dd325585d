"""Communication measured among the processes that `torchrun` started."""

import os
import time
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch._C._distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from scalewright.machines.machine import Collective, CollectiveKind

_SMALL, _LARGE = 8, 32 * 2**20
_REPEATS = {_SMALL: 60, _LARGE: 12}
_WARM_UP = 3
PATIENCE = timedelta(minutes=10)
"""For a process that others wait for: NCCL's own, which of gloo would be half an hour. Then it is held to be lost."""


def launched() -> bool:
    """Whether this process is one of several of a job."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def join(device: str) -> int:
    """Joins the job's processes over the backend of the device; returns this one's rank."""
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    if not dist.is_initialized():
        backend = "nccl" if device == "cuda" else "gloo"
        if "TORCHELASTIC_RESTART_COUNT" in os.environ:
            store, rank, world = next(rendezvous("env://"))
            dist.init_process_group(
                backend, store=_own_store(store, world), rank=rank, world_size=world, timeout=PATIENCE
            )
        else:
            dist.init_process_group(backend, timeout=PATIENCE)
    return dist.get_rank()


def _own_store(store: Store, world: int) -> Store:
    """The part of torchrun's store that the processes of this start alone know: after a lost one is replaced, what those before
    wrote is still there, and the new ones would look for them at their addresses."""
    restarts = os.environ["TORCHELASTIC_RESTART_COUNT"]
    # Processes that came or went leave the count of restarts as it is: those of one start are the next so many that join.
    start = (store.add(f"joined/{restarts}/{world}", 1) - 1) // world
    return PrefixStore(f"start/{restarts}/{world}/{start}", store)


def leave() -> None:
    """Ends what `join` began, once all processes are here."""
    dist.barrier()
    dist.destroy_process_group()


def measure_collectives(device: str) -> tuple[Collective, ...]:
    """All-reduce, all-gather and point to point among all ranks, called on each of them at once.

    A message of 8 bytes gives the latency, one of 32 MiB the rate beyond it. The number of repeats is fixed, so that
    every rank takes part in each.
    """
    ranks, rank = dist.get_world_size(), dist.get_rank()
    kinds: dict[CollectiveKind, Callable[[int], Callable[[], None]]] = {
        "all_reduce": lambda size: _all_reduce(device, size),
        "all_gather": lambda size: _all_gather(device, size, ranks),
        "send": lambda size: _send(device, size, rank),
    }
    found = []
    for kind, prepare in kinds.items():
        small, large = (_seconds(prepare(size), _REPEATS[size], device) for size in (_SMALL, _LARGE))
        found.append(
            Collective(
                kind=kind,
                ranks=2 if kind == "send" else ranks,
                backend=str(dist.get_backend()),
                latency_seconds=small,
                bytes_per_second=_LARGE / max(large - small, 0.1 * large),
            )
        )
    return tuple(found)


def _seconds(call: Callable[[], None], repeats: int, device: str) -> float:
    samples = []
    for number in range(_WARM_UP + repeats):
        dist.barrier()
        begun = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        if number >= _WARM_UP:
            samples.append(time.perf_counter() - begun)
    # The slowest rank's: a step waits for it.
    slowest = torch.tensor(float(np.median(samples)), device=device)
    dist.all_reduce(slowest, op=dist.ReduceOp.MAX)
    return float(slowest)


def _numbers(device: str, size: int) -> Tensor:
    return torch.ones(size // 4, device=device)


def _all_reduce(device: str, size: int) -> Callable[[], None]:
    numbers = _numbers(device, size)
    return lambda: dist.all_reduce(numbers, op=dist.ReduceOp.MAX)


def _all_gather(device: str, size: int, ranks: int) -> Callable[[], None]:
    # `size` is what each rank holds in the end, as for a gathered layer.
    own = _numbers(device, max(4, size // ranks))
    parts = [torch.empty_like(own) for _ in range(ranks)]
    return lambda: dist.all_gather(parts, own)


def _send(device: str, size: int, rank: int) -> Callable[[], None]:
    numbers = _numbers(device, size)

    def hop() -> None:
        if rank == 0:
            dist.send(numbers, 1)
        elif rank == 1:
            dist.recv(numbers, 0)

    return hop
