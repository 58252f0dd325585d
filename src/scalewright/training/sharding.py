"""Replicas of a model: each whole (DDP), or their weights, gradients and moments shared out (FSDP2, HSDP)."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.nn.parallel import DistributedDataParallel

from scalewright.models.precision import HALF
from scalewright.planning.machine_plan import Layout
from scalewright.training.mesh import DATA, Mesh


def share_weights(module: nn.Module, layers: Sequence[nn.Module], mesh: Mesh, layout: Layout, precision: str) -> None:
    """Shares out a module's weights among replicas, in place, unless each of them holds all.

    Args:
        module: A model, or a pipeline's stage.
        layers: Those of its parts whose weights are gathered together.
        mesh: Of all processes.
        layout: Of the training.
        precision: In which gathered weights are sent; gradients are summed in fp32.
    """
    if mesh.axes is None or mesh.share[1] == 1 or _whole(layout):
        return
    axes = mesh.axes[DATA] if mesh.size("replicas") > 1 else mesh.axes["shards"]
    # The residual stream stays in fp32, as it does under autocast.
    policy = MixedPrecisionPolicy(
        param_dtype=HALF.get(precision), reduce_dtype=torch.float32, cast_forward_inputs=False
    )
    for part in (*layers, module):
        fully_shard(part, mesh=axes, mp_policy=policy, reshard_after_forward=layout.sharding == "all")


def replicate(module: nn.Module, mesh: Mesh, layout: Layout) -> nn.Module:
    """What each process computes with: a wrapper that sums the gradients of whole replicas, else `module` itself."""
    if mesh.axes is None or mesh.share[1] == 1 or not _whole(layout):
        return module
    # Buffers are the same everywhere: functions of the shape, or statistics of all replicas' rows.
    return DistributedDataParallel(
        module,
        process_group=mesh.axes.get_group("replicas"),
        gradient_as_bucket_view=True,
        broadcast_buffers=False,
    )


def _whole(layout: Layout) -> bool:
    # Matrices that tensor parallelism has cut, and stages, go with FSDP2 alone: in shards of one, which is DDP to the letter.
    return layout.sharding == "none" and layout.tensor == layout.pipeline == 1
