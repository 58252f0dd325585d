"""What a part of a benchmark cannot measure here: said, and not kept, so that a machine that can measures it."""

from functools import cache

from scalewright.machines.machine import Machine
from scalewright.machines.probe import probe


class UnmeasuredError(Exception):
    """A part cannot be measured on this machine; says why."""


@cache
def this_machine() -> Machine:
    """Probed quickly, once for all parts."""
    return probe(quick=True)


def need_precision(precision: str) -> None:
    """Ends a part where training in a precision has no hardware.

    Raises:
        UnmeasuredError: Its products are slower than those of fp32.
    """
    machine = this_machine()
    if precision not in machine.precisions.usable:
        raise UnmeasuredError(f"{precision} is no gain on this machine ({machine.reasons['precisions'].text})")
