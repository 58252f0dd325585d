"""Every way to lay one model on a cluster."""

import itertools
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scalewright.architectures.decoder import Decoder
from scalewright.architectures.parallel import RECOMPUTES, SHARDINGS, Layouts
from scalewright.machines.cluster import Cluster

MICRO_BATCHES = (1, 2, 4, 8, 16, 32)
FEWEST_MICRO_BATCHES = 4
"""Of each pipeline stage: with fewer, stages mostly wait."""


def layouts(decoder: Decoder, cluster: Cluster, sequences: int) -> Layouts:
    """All layouts of a decoder on all devices with at most `sequences` sequences in a step.

    Devices that share layers are in one node and divide the heads of the keys; pipeline stages divide the depth.
    """
    rows = _degrees(decoder.depth, decoder.kv_heads, cluster.count, cluster.device.node.devices)
    data, tensor, pipeline = rows.T
    options = np.array(
        list(
            itertools.product(range(len(SHARDINGS)), MICRO_BATCHES, (RECOMPUTES.index("none"), RECOMPUTES.index("all")))
        )
    )
    pick, option = (grid.ravel() for grid in np.meshgrid(np.arange(len(rows)), np.arange(len(options)), indexing="ij"))
    sharding, micro, recompute = options[option].T
    d, t, p = data[pick], tensor[pick], pipeline[pick]
    accumulation = sequences // (d * micro)
    # Sharding among one replica shares out nothing; pipelines keep their weights.
    sensible = np.where(d == 1, sharding == 0, True) & ~((p > 1) & (sharding == SHARDINGS.index("all")))
    enough = accumulation >= np.where(p > 1, FEWEST_MICRO_BATCHES, 1)
    found = Layouts(d, t, p, sharding, micro, accumulation, recompute)
    return found.take(sensible & enough)


@lru_cache(maxsize=4096)
def _degrees(depth: int, kv_heads: int, count: int, node: int) -> NDArray[np.int64]:
    # Triples (data, tensor, pipeline) whose product is the number of devices.
    rows = [
        (count // (tensor * pipeline), tensor, pipeline)
        for tensor in _divisors(min(node, count))
        if kv_heads % tensor == 0
        for pipeline in _divisors(depth)
        if count % (tensor * pipeline) == 0
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


@lru_cache
def _divisors(number: int) -> tuple[int, ...]:
    return tuple(value for value in range(1, number + 1) if number % value == 0)
