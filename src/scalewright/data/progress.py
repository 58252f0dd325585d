"""What preparing tells whoever watches it."""

from collections.abc import Callable
from typing import TypeAlias

PrepareProgress: TypeAlias = Callable[[str, float], None]
"""Called with the name of the stage at work and the fraction of it that is done, 0 to 1."""


def unheard(stage: str, fraction: float) -> None:
    """Tells nobody."""
