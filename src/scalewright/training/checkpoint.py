"""Checkpoints: weights, optimiser and place in the data, whole or absent, read without executing code."""

from pathlib import Path
from typing import Any

import torch

from scalewright.errors import WorkError
from scalewright.files import atomic_path


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes `state` (tensors, numbers, strings, lists, dicts) to `path` whole or not at all.

    Raises:
        WorkError: it could not be written.
    """
    try:
        with atomic_path(path) as part:
            torch.save(state, part)
    except (OSError, RuntimeError) as error:
        raise WorkError(f"{path}: the checkpoint could not be written ({error}); is the disk full?") from error


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Reads a checkpoint; None where there is none.

    Raises:
        WorkError: the file is damaged.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WorkError(f"{path}: damaged checkpoint ({error}); delete it to train this run from its start") from error
    return state
