"""Clusters by name, and the time of a ring in closed form."""

import numpy as np
import pytest

from scalewright.errors import InputError
from scalewright.machines.cluster import Cluster
from scalewright.machines.machine import Machine


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


def probed(kind="cuda", links=(), count=4):
    product = {"dtype": "bf16", "shape": (512,) * 3, "size": 512, "flops_per_second": 7e14, "spread": 0, "repeats": 3}
    return Machine.model_validate(
        {
            "name": f"{count} x Some", "cpu": "processor", "cores": 2, "threads": 2, "memory_bytes": 8e9,
            "devices": [{"kind": kind, "name": "Some", "count": count, "memory_bytes": 80e9}],
            "matmul": [product, product | {"dtype": "fp32", "flops_per_second": 5e13}],
            "bandwidth_bytes_per_second": {1: 3e12}, "links": links,
            "precisions": {"usable": ["fp32", "bf16"], "advised": "bf16"}, "taken_by_others": 0, "quick": True,
            "measured_at": "2026-01-01", "software": {"torch": "2.13"}, "warnings": [], "reasons": {},
        }
    )  # fmt: skip


def test_a_probed_machine_is_a_cluster_with_its_own_rates():
    link = {"between": ("Some", "Some"), "bytes_per_second": 3e11, "latency_seconds": 1e-5}
    cluster = Cluster.of(probed(links=[link]))
    device = cluster.device
    assert (str(cluster), device.halves, device.full_precision) == ("4 x Some", ("bf16",), "fp32")
    assert (device.peak("bf16"), device.reached, device.watts) == (7e14, 1.0, None)
    assert (device.node.devices, device.node.link_bytes_per_second) == (4, 3e11)
    assert Cluster.of(probed()).device.node.link_bytes_per_second == 16e9


def test_a_processor_is_no_cluster():
    with pytest.raises(InputError, match="expected accelerators of one kind"):
        Cluster.of(probed(kind="cpu", count=1))
