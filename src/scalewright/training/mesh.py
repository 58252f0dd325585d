"""The processes of one training and their places in a mesh with named axes."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.distributed_c10d import _set_pg_timeout
from torch.distributed.tensor import DTensor

from scalewright.errors import InputError
from scalewright.machines.collectives import PATIENCE
from scalewright.planning.machine_plan import Layout

AXES = ("pipeline", "replicas", "shards", "tensor")
"""From the slowest links to the fastest: neighbours on a node share a layer's matrices."""
DATA = ("replicas", "shards")
"""Along these, processes see different rows of a batch."""


@dataclass(frozen=True)
class Mesh:
    """This process among those of its training; one that trains alone has no device mesh."""

    device: str
    axes: DeviceMesh | None = None
    writers: dist.ProcessGroup | None = None
    """All processes once more, for the threads that write checkpoints: their messages do not mix with a step's."""

    @classmethod
    def of(cls, layout: Layout, device: str) -> "Mesh":
        """The mesh that a layout asks for.

        Raises:
            InputError: there are not as many processes as the layout has devices, or torch does not offer the layout here.
        """
        processes = dist.get_world_size() if dist.is_initialized() else 1
        if layout.devices != processes:
            raise InputError(
                f"layout: {layout.devices} devices planned, {processes} processes started: start it by "
                f"`torchrun --nproc-per-node {layout.devices}` (on several nodes: their product), or plan for {processes}"
            )
        if layout.context > 1:
            raise InputError(
                f"layout: context {layout.context}: training does not divide sequences: torch {torch.__version__} divides them "
                "by CUDA's fused attention alone, a path that was never tried; expected context 1: for long ones plan with "
                "tensor parallelism, or with layers computed again"
            )
        if processes == 1:
            return cls(device)
        shards = layout.shards if layout.sharding != "none" else 1
        degrees = (layout.pipeline, layout.data // shards, shards, layout.tensor)
        axes = init_device_mesh(device, degrees, mesh_dim_names=AXES)
        for axis in AXES:
            _set_pg_timeout(PATIENCE, axes.get_group(axis))
        return cls(device, axes, dist.new_group(backend="gloo", timeout=PATIENCE))

    def size(self, axis: str) -> int:
        """Processes along an axis."""
        return 1 if self.axes is None else self.axes[axis].size()

    def rank(self, axis: str) -> int:
        """This process's place along an axis."""
        return 0 if self.axes is None else self.axes[axis].get_local_rank()

    @property
    def first(self) -> bool:
        """Whether this process speaks for all."""
        return not dist.is_initialized() or dist.get_rank() == 0

    @property
    def writer(self) -> int:
        """This process's number among the writers."""
        return 0 if self.writers is None else dist.get_rank(self.writers)

    @property
    def count(self) -> int:
        """How many writers there are."""
        return 1 if self.writers is None else dist.get_world_size(self.writers)

    def gathered(self, value: Any) -> list[Any]:
        """What each process says, on the first; empty on the others."""
        if self.writers is None:
            return [value]
        found: list[Any] | None = [None] * dist.get_world_size() if self.first else None
        dist.gather_object(value, found, dst=0, group=self.writers)
        return found or []

    def told(self, value: Any) -> list[Any]:
        """What each process says, on all of them."""
        found: list[Any] = [value] * self.count
        if self.writers is not None:
            dist.all_gather_object(found, value, group=self.writers)
        return found

    def told_by_first(self, value: Any) -> Any:
        """What the first process says."""
        if self.writers is not None:
            told = [value]
            dist.broadcast_object_list(told, src=0, group=self.writers)
            (value,) = told
        return value

    @cached_property
    def share(self) -> tuple[int, int]:
        """The place of this process's replica among all, counted from 0, and how many these are."""
        replicas, shards = (self.size(axis) for axis in DATA)
        return self.rank("replicas") * shards + self.rank("shards"), replicas * shards

    def rows(self, batch_size: int) -> slice:
        """The rows of a batch that this process sees.

        Raises:
            InputError: they cannot be shared out equally.
        """
        place, shares = self.share
        if batch_size % shares:
            raise InputError(f"batch of {batch_size} rows over {shares} processes: expected a multiple of {shares}")
        count = batch_size // shares
        return slice(place * count, (place + 1) * count)

    def any(self, *wishes: bool) -> tuple[bool, ...]:
        """What any of the processes wishes; all of them wait for each other."""
        if self.axes is None:
            return wishes
        told = torch.tensor([0.0, *map(float, wishes)], device=self.device)
        dist.all_reduce(told, op=dist.ReduceOp.MAX)
        return tuple(bool(each) for each in told[1:])

    def mean(self, value: Tensor) -> Tensor:
        """Mean of a tensor over the processes that see different rows, the same on each."""
        return self.sum(value, *DATA) / self.share[1] if self.axes else value

    def sum(self, value: Tensor, *axes: str) -> Tensor:
        """Sum of a tensor over the processes along some axes."""
        value = value.clone()
        for axis in axes:
            if self.axes is not None and self.size(axis) > 1:
                dist.all_reduce(value, group=self.axes.get_group(axis))
        return value


def mesh_of(parameter: Tensor) -> object:
    """What a parameter is spread over; None for one that is whole here."""
    return parameter.device_mesh if isinstance(parameter, DTensor) else None
