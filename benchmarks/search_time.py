"""How long the planner searches."""

from collections.abc import Iterator
from functools import partial

from measure import median_seconds
from scalewright.machines.cluster import Cluster
from scalewright.planning.decide import plan_machine
from scalewright.planning.on_cluster import OnCluster
from scalewright.planning.published import law_and_size
from scalewright.planning.search import Limits, Order, options


def search_lines() -> Iterator[str]:
    """The full space: every shape, every layout."""
    law, size, _ = law_and_size("published:chinchilla")
    for machine, days in (("64 x H100-SXM", 7), ("1024 x H100-SXM", 30), ("10000 x V100-SXM-32GB", 30)):
        order = Order(law, size, OnCluster(Cluster.named(machine)), Limits(seconds=86400.0 * days))
        search = median_seconds(partial(options, order), 5)
        whole = median_seconds(partial(plan_machine, order, "published:chinchilla"), 5)
        yield f"{machine}, {days} days: search {search:.2f} s, whole plan {whole:.2f} s (bar: 1 s for 1,024 devices)"
