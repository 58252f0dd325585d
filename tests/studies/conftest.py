"""Clusters on this machine whose nodes share no folder, and databases for ledgers."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from ..ledger.conftest import postgresql, where
from ..training.conftest import dataset, trunk

__all__ = ["dataset", "postgresql", "trunk", "where"]


@contextmanager
def ray_cluster(folder, *cpus, **head):
    """A cluster with a node for each number of CPUs: `cluster`, its `nodes`, and the `places` of their temporary files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_raylet_start_wait_time_s", "60")
        ray = pytest.importorskip("ray")
        from ray.cluster_utils import Cluster

        cluster, nodes, places = Cluster(), [], []
        try:
            for number, of_node in enumerate(cpus):
                place = folder / f"node{number}"
                place.mkdir()
                of_head = {"include_dashboard": False} | head if number == 0 else {}
                nodes.append(cluster.add_node(num_cpus=of_node, env_vars={"TMPDIR": str(place)}, **of_head))
                places.append(place)
            yield SimpleNamespace(cluster=cluster, address=cluster.address, nodes=nodes, places=places)
        finally:
            ray.shutdown()
            cluster.shutdown()


@pytest.fixture(scope="module")
def small_cluster(tmp_path_factory):
    """Two nodes with a CPU each."""
    with ray_cluster(tmp_path_factory.mktemp("cluster"), 1, 1) as found:
        yield found
