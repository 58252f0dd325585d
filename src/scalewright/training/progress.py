"""What a loop tells whoever watches it."""

from typing import Protocol


class Progress(Protocol):
    """Hears of each step."""

    def step(self, step: int, total: int, loss: float, tokens_per_second: float) -> None:
        """Step `step` of `total` is done."""

    def say(self, text: str) -> None:
        """Something that is worth knowing."""

    def warn(self, text: str) -> None:
        """Something went wrong, and training goes on."""


class NoProgress:
    """Hears and says nothing."""

    def step(self, step: int, total: int, loss: float, tokens_per_second: float) -> None:
        """Does nothing."""

    def say(self, text: str) -> None:
        """Does nothing."""

    def warn(self, text: str) -> None:
        """Does nothing."""
