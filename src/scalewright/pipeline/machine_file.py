"""A machine that was measured elsewhere."""

from pathlib import Path

from scalewright.errors import InputError
from scalewright.machines import Machine


def trainable_here(path: Path) -> Machine:
    """The machine of a `machine.json`, one that `run` can train on: its processor.

    Raises:
        InputError: the file is missing or wrong, or describes an accelerator.
    """
    machine = Machine.load(path)
    others = sorted({device.kind for device in machine.devices} - {"cpu"})
    if others:
        raise InputError(
            f"{path}: found a device of kind {', '.join(others)}, expected cpu: `run` trains on the processor; "
            'use = "local" measures it'
        )
    return machine
