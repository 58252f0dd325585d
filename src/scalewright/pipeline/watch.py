"""What the pipeline tells whoever watches it."""

from typing import Protocol


class Watch(Protocol):
    """Hears of stages, their findings and their progress."""

    def stage(self, name: str, text: str) -> None:
        """A stage begins, or was found done."""

    def say(self, text: str) -> None:
        """A finding of the present stage."""

    def warn(self, text: str) -> None:
        """Something that the user should know."""

    def progress(self, done: float, total: float, text: str) -> None:
        """`done` of `total` of the present stage; `text` says how it gets on."""


class Silent:
    """Hears and says nothing."""

    def stage(self, name: str, text: str) -> None:
        """Does nothing."""

    def say(self, text: str) -> None:
        """Does nothing."""

    def warn(self, text: str) -> None:
        """Does nothing."""

    def progress(self, done: float, total: float, text: str) -> None:
        """Does nothing."""
