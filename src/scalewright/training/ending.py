"""SIGTERM: a cluster that takes its machines back asks first."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def asked_to_end() -> Iterator[Callable[[], bool]]:
    """Tells whether SIGTERM has come since; afterwards the signal does what it did before. Threads besides the main one hear of
    none."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    heard = threading.Event()

    def hear(number: int, frame: FrameType | None) -> None:
        heard.set()

    before = signal.signal(signal.SIGTERM, hear)
    try:
        yield heard.is_set
    finally:
        signal.signal(signal.SIGTERM, before)
