"""Clusters by name, and the time of a ring in closed form."""

import numpy as np
import pytest

from scalewright.errors import InputError
from scalewright.machines.cluster import Cluster


@pytest.mark.parametrize(
    ("text", "count", "name"),
    [
        ("64 x H100-SXM", 64, "H100-SXM"),
        ("8xA100", 8, "A100-SXM-80GB"),
        ("1,024 × h100", 1024, "H100-SXM"),
        ("L4", 1, "L4"),
        ("6144 x TPU-v4", 6144, "TPU-v4"),
    ],
)
def test_names(text, count, name):
    cluster = Cluster.named(text)
    assert (cluster.count, cluster.device.name) == (count, name)
    assert Cluster.named(str(cluster)) == cluster


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected COUNT x NAME"),
        ("0 x L4", "at least one"),
        ("12 x H100", "say 8 or 16"),
        ("8 x", "not in the catalogue"),
    ],
)
def test_texts_that_name_none(text, said):
    with pytest.raises(InputError, match=said):
        Cluster.named(text)


def seconds(cluster, size, ranks, stride=1):
    return float(cluster.ring_seconds(np.array([size]), np.array([float(ranks)]), np.array([float(stride)]))[0])


def test_a_ring_inside_a_node_moves_all_but_its_own_share():
    # (n - 1) / n of the bytes over each link: Patarasuk & Yuan 2009.
    assert seconds(Cluster.named("8 x H100"), 8e12, 8) == pytest.approx(8e12 * 7 / 8 / 450e9, rel=1e-3)
    assert seconds(Cluster.named("8 x H100"), 8e12, 1) == 0


def test_across_nodes_every_device_uses_its_own_way_out():
    # 64 devices in 8 nodes: an eighth of the bytes comes in by each network card, then all of them go round inside.
    expected = 8e12 / 8 * 7 / 8 / 50e9 + 8e12 * 7 / 8 / 450e9
    assert seconds(Cluster.named("64 x H100"), 8e12, 64) == pytest.approx(expected, rel=1e-3)


def test_ranks_of_different_nodes_have_the_network_alone():
    assert seconds(Cluster.named("64 x H100"), 8e12, 8, stride=8) == pytest.approx(8e12 * 7 / 8 / 50e9, rel=1e-3)
