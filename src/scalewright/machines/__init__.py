"""What hardware gives. Needs no torch; the measuring itself is in `scalewright.machines.probe`."""

from scalewright.machines.machine import Device, Link, Machine, Matmul, Precisions
from scalewright.machines.precision import Precision, advise_precision

__all__ = ["Device", "Link", "Machine", "Matmul", "Precision", "Precisions", "advise_precision"]
