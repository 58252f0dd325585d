"""The processes that a training was started with: on one machine alone, or by torchrun on several."""

import math
import os
from typing import Any, NamedTuple

import torch.distributed as dist

from scalewright.errors import InputError
from scalewright.machines import collectives
from scalewright.planning.machine_plan import Layout


class Started(NamedTuple):
    """How many processes there are, how many of them share this machine, and whether this is the first."""

    processes: int
    beside: int
    first: bool

    def agreed(self, value: Any) -> Any:
        """What the first process has, on all of them."""
        if self.processes == 1:
            return value
        said = [value]
        dist.broadcast_object_list(said, src=0)
        return said[0]

    def part(self) -> None:
        """Once all are here: each goes on by itself, and no other waits for it. Their group ends."""
        if self.processes > 1:
            collectives.leave()

    @classmethod
    def now(cls) -> "Started":
        """Of this job."""
        processes = dist.get_world_size() if dist.is_initialized() else 1
        return cls(processes, int(os.environ.get("LOCAL_WORLD_SIZE", "1")), processes == 1 or dist.get_rank() == 0)


def fitted(layout: Layout, processes: int, sequences: int, beside: int = 1) -> Layout:
    """The layout with as many replicas as processes were started: a lost machine is not waited for, and the batch stays.

    Args:
        layout: as planned.
        processes: that were started.
        sequences: of a step.
        beside: processes of this machine, which share its threads where processors train.

    Raises:
        InputError: they do not make whole replicas, or not of equal shares of the batch.
    """
    if layout.devices == processes:
        return layout
    whole = layout.tensor * layout.pipeline * layout.context
    replicas = replicas_of(f"plan: {layout.devices} devices", whole, processes, sequences)
    sharded = layout.sharding != "none"
    return layout.model_copy(
        update={
            "devices": processes,
            "data": replicas,
            "shards": math.gcd(layout.shards, replicas) if sharded else 1,
            "accumulation": -(-sequences // (replicas * layout.micro_batch)),
            "threads": layout.threads and max(1, layout.threads // beside),
        }
    )


def replicas_of(what: str, whole: int, processes: int, rows: int) -> int:
    """How many replicas of `whole` processes each there are, for a step of so many rows.

    Raises:
        InputError: they do not make whole replicas, or not of equal shares of the rows; it begins with `what` was asked for.
    """
    replicas, rest = divmod(processes, whole)
    if rest or not replicas:
        raise InputError(f"{what}, {processes} processes started: expected a multiple of {whole}")
    if rows % replicas:
        raise InputError(
            f"{what}, {processes} processes started: {rows} rows of a batch cannot be shared out equally among {replicas}: "
            "start as many as divide them, or make the batch a multiple"
        )
    return replicas
