"""Layouts against a count by brute force."""

import itertools

import numpy as np
import pytest

from scalewright.architectures.decoders import decoder
from scalewright.machines.cluster import Cluster
from scalewright.planning.space import FEWEST_MICRO_BATCHES, MICRO_BATCHES, layouts


def by_brute_force(shape, count, node, sequences):
    found = set()
    pieces = [each for each in (1, 2, 4, 8, 16) if each == 1 or each * 4096 <= shape.context]
    for data, tensor, pipeline, context in itertools.product(*3 * [range(1, count + 1)], pieces):
        if data * tensor * pipeline * context != count or tensor > node:
            continue
        if shape.kv_heads % tensor or shape.depth % pipeline:
            continue
        if min(node, count) % tensor:
            continue
        for sharding, micro, recompute in itertools.product(range(3), MICRO_BATCHES, (0, 2)):
            accumulation = sequences // (data * micro)
            if accumulation < (FEWEST_MICRO_BATCHES if pipeline > 1 else 1):
                continue
            replicas = data * context
            if (replicas == 1 and sharding) or (pipeline > 1 and sharding == 2):
                continue
            groups = {1 if sharding == 0 else replicas}
            inside = node // tensor
            if sharding == 2 and 1 < inside < replicas and replicas % inside == 0:
                groups.add(inside)
            for shards in groups:
                found.add((data, tensor, context, pipeline, sharding, shards, micro, accumulation, recompute))
    return found


@pytest.mark.parametrize(
    ("machine", "sequences", "context"),
    [
        ("16 x H100", 64, 2048),
        ("4 x L4", 33, 2048),
        ("1 x H100", 4, 2048),
        ("24 x A100", 512, 2048),
        ("16 x H100", 16, 16_384),
    ],
)
def test_every_layout_and_no_other(machine, sequences, context):
    shape, cluster = decoder(2048, 24, 32_768, context), Cluster.named(machine)
    found = layouts(shape, cluster, sequences)
    columns = (
        found.data,
        found.tensor,
        found.context,
        found.pipeline,
        found.sharding,
        found.shards,
        found.micro_batch,
        found.accumulation,
        found.recompute,
    )
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    assert len(rows) == len(set(rows))
    assert set(rows) == by_brute_force(shape, cluster.count, cluster.device.node.devices, sequences)
    assert np.all(found.devices == cluster.count)
    assert np.all(found.sequences <= sequences)


def test_too_few_sequences_for_the_devices_leave_no_layout():
    shape = decoder(256, 4, 32_768, 2048)
    assert not len(layouts(shape, Cluster.named("1024 x H100"), 8))
