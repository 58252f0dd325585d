"""Ctrl-C in the middle of long work."""

from collections.abc import Iterator
from contextlib import contextmanager

from scalewright.errors import ScalewrightError


class StoppedError(ScalewrightError):
    """Ctrl-C; typer would end without a word. Exit code 130, as of a process that the signal ended."""

    exit_code = 130


@contextmanager
def stoppable() -> Iterator[None]:
    """Says what becomes of work that is stopped by Ctrl-C.

    Raises:
        StoppedError: it was.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise StoppedError("stopped; finished work is kept, the same command goes on from here") from None
