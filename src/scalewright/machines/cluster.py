"""Equal accelerators in nodes, joined by a network."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scalewright.errors import InputError
from scalewright.machines.catalogue import Accelerator, Node, find_accelerator
from scalewright.machines.machine import Machine

Numbers = NDArray[np.float64]

_NAMED = re.compile(r"(?:([0-9][0-9_,]*)\s*[x×*]\s*)?(\S.*)", re.IGNORECASE)


@dataclass(frozen=True)
class Cluster:
    """`count` devices of one kind.

    Attributes:
        device: What each gives.
        count: How many there are, in full nodes where there are more than one node holds.
    """

    device: Accelerator
    count: int

    def __str__(self) -> str:
        return f"{self.count} x {self.device.name}"

    @classmethod
    def named(cls, text: str) -> "Cluster":
        """From "COUNT x NAME", one device where there is no count; NAME is in the catalogue, or a .toml file.

        Raises:
            InputError: there is no such text or device, or more than a node of devices do not fill nodes.
        """
        matched = _NAMED.fullmatch(text.strip())
        if not matched:
            raise InputError(f"machine {text!r}: expected COUNT x NAME, such as 64 x H100-SXM")
        count = int((matched[1] or "1").replace(",", "").replace("_", ""))
        if count < 1:
            raise InputError(f"machine {text!r}: expected at least one device")
        device = find_accelerator(matched[2])
        size = device.node.devices
        if count > size and count % size and not device.node.slices:
            raise InputError(
                f"machine {text!r}: {device.name} come {size} to a node, and {count} do not fill nodes: "
                f"say {count // size * size} or {-(-count // size) * size}"
            )
        return cls(device, count)

    @classmethod
    def of(cls, machine: Machine) -> "Cluster":
        """The accelerators of a probed machine, with their measured rates in the place of a data sheet's; links as measured
        between its processes, else as slow as a catalogue's own entry without any.

        Raises:
            InputError: it has no accelerator, or several kinds.
        """
        device, *others = machine.devices
        if others or device.kind == "cpu":
            found = ", ".join(f"{each.count} x {each.name}" for each in machine.devices)
            raise InputError(f"machine {machine.name}: found {found}, expected accelerators of one kind")
        measured = {"link_bytes_per_second": machine.links[0].bytes_per_second} if machine.links else {}
        return cls(
            Accelerator(
                name=device.name,
                vendor="probed",
                memory_bytes=device.memory_bytes,
                bandwidth_bytes_per_second=max(machine.bandwidth_bytes_per_second.values()),
                flops_per_second={dtype: machine.rate(dtype) for dtype in machine.precisions.usable},
                reached=1.0,
                node=Node(devices=device.count, **measured),
                sources={"rates": f"probed {machine.measured_at} with torch {machine.software.get('torch', '?')}"},
            ),
            device.count,
        )

    def ring_seconds(self, size: Numbers, ranks: Numbers, stride: Numbers) -> Numbers:
        """Seconds to gather `size` bytes on each of `ranks` devices of which each holds an equal part, or to reduce and scatter
        them; an all-reduce is both.

        Ranks are `stride` devices apart. Inside a node they use its links. Across nodes each node's ranks share the
        work, each with its own way into the network (Patarasuk & Yuan 2009, J. Parallel Distrib. Comput. 69).
        """
        node = self.device.node
        inside = np.clip(node.devices / stride, 1, ranks)  # ranks of the group in one node
        outside = ranks / inside
        across = size / inside * (1 - 1 / outside) / node.network_bytes_per_second
        latency = node.latency_seconds * (np.log2(inside) + 4 * np.log2(outside))
        within = size * (1 - 1 / inside) / node.link_bytes_per_second
        return np.where(ranks > 1, across + within + latency, 0.0)

    def hop_seconds(self, size: Numbers, stride: Numbers) -> Numbers:
        """Seconds to send `size` bytes from one device to another, `stride` devices further."""
        node = self.device.node
        rate = np.where(stride < node.devices, node.link_bytes_per_second, node.network_bytes_per_second)
        return np.asarray(size / rate + node.latency_seconds)
