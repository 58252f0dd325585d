"""Replicas of a model: each whole (DDP), or their weights, gradients and moments shared out (FSDP2, HSDP)."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.nn.parallel import DistributedDataParallel

from scalewright.models.precision import HALF
from scalewright.planning.machine_plan import Layout
from scalewright.training.mesh import DATA, Mesh


def replicate(module: nn.Module, layers: Sequence[nn.Module], mesh: Mesh, layout: Layout, precision: str) -> nn.Module:
    """What each process computes with, `module` itself or a wrapper that sums its gradients over the replicas.

    Args:
        module: A model, or a pipeline's stage.
        layers: Those of its parts whose weights are gathered together.
        mesh: Of all processes.
        layout: Of the training.
        precision: In which gathered weights are sent; gradients are summed in fp32.
    """
    replicas, shards = (mesh.size(axis) for axis in DATA)
    if mesh.axes is None or replicas * shards == 1:
        return module
    # Matrices that tensor parallelism has cut, and stages, go with FSDP2 alone: in shards of one, which is DDP to the letter.
    if layout.sharding == "none" and layout.tensor == layout.pipeline == 1:
        return DistributedDataParallel(
            module, process_group=mesh.axes.get_group("replicas"), gradient_as_bucket_view=True
        )
    axes = mesh.axes[DATA] if replicas > 1 else mesh.axes["shards"]
    # The residual stream stays in fp32, as it does under autocast.
    policy = MixedPrecisionPolicy(
        param_dtype=HALF.get(precision), reduce_dtype=torch.float32, cast_forward_inputs=False
    )
    for part in (*layers, module):
        fully_shard(part, mesh=axes, mp_policy=policy, reshard_after_forward=layout.sharding == "all")
    return module
