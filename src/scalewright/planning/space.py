"""Every way to lay one model on a cluster."""

import itertools
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scalewright.architectures.decoder import Decoder
from scalewright.architectures.parallel import RECOMPUTES, SHARDINGS, Layouts
from scalewright.machines.cluster import Cluster

MICRO_BATCHES = (1, 2, 4, 8, 16, 32)
LEAST_PIECE = 4096
"""Tokens of a sequence on each device that shares it: with fewer, passing keys and values round takes longer than attention."""
FEWEST_MICRO_BATCHES = 4
"""Of each pipeline stage: with fewer, stages mostly wait."""


def layouts(decoder: Decoder, cluster: Cluster, sequences: int) -> Layouts:
    """All layouts of a decoder on all devices with at most `sequences` sequences in a step.

    Devices that share layers are in one node and divide the heads of the keys; pipeline stages divide the depth. Weights are
    sharded among all replicas, or among those of one node.
    """
    pieces = max(1, decoder.context // LEAST_PIECE)
    ways = _ways(decoder.depth, decoder.kv_heads, cluster.count, cluster.device.node.devices, pieces)
    accumulation = sequences // (ways.data * ways.micro_batch)
    enough = accumulation >= np.where(ways.pipeline > 1, FEWEST_MICRO_BATCHES, 1)
    return replace(ways, accumulation=accumulation).take(enough)


@lru_cache(maxsize=1024)
def _ways(depth: int, kv_heads: int, count: int, node: int, pieces: int) -> Layouts:
    # Whatever the batch is; of one micro-batch each.
    data, tensor, context, pipeline = _degrees(depth, kv_heads, count, node, pieces).T
    options = np.array(
        list(
            itertools.product(
                range(len(SHARDINGS)), (False, True), MICRO_BATCHES, (RECOMPUTES.index("none"), RECOMPUTES.index("all"))
            )
        )
    )
    pick, option = (grid.ravel() for grid in np.meshgrid(np.arange(len(data)), np.arange(len(options)), indexing="ij"))
    sharding, hybrid, micro, recompute = options[option].T
    d, t, c, p = data[pick], tensor[pick], context[pick], pipeline[pick]
    replicas, inside, whole = d * c, np.maximum(1, node // t), sharding == SHARDINGS.index("all")
    shards = np.where(sharding == 0, 1, np.where(hybrid == 1, np.minimum(inside, replicas), replicas))
    # Sharding among one replica shares out nothing; pipelines keep their weights; hybrids are of several nodes, in full.
    sensible = np.where(replicas == 1, sharding == 0, True) & ~((p > 1) & whole)
    sensible &= (hybrid == 0) | (whole & (inside > 1) & (replicas > inside) & (replicas % inside == 0))
    return Layouts(d, t, c, p, sharding, shards, micro, np.ones_like(d), recompute).take(sensible)


def _degrees(depth: int, kv_heads: int, count: int, node: int, pieces: int) -> NDArray[np.int64]:
    # Rows (data, tensor, context, pipeline) whose product is the number of devices; sequences in 2^i pieces, at most `pieces`.
    rows = [
        (count // (tensor * context * pipeline), tensor, context, pipeline)
        for tensor in _divisors(min(node, count))
        if kv_heads % tensor == 0
        for context in (2**power for power in range(pieces.bit_length()))
        if context <= pieces
        for pipeline in _divisors(depth)
        if count % (tensor * context * pipeline) == 0
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


@lru_cache
def _divisors(number: int) -> tuple[int, ...]:
    return tuple(value for value in range(1, number + 1) if number % value == 0)
