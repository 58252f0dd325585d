"""One program at a time works on a project."""

from contextlib import AbstractContextManager
from pathlib import Path

from scalewright.files import locked


def project_lock(state: Path) -> AbstractContextManager[None]:
    """Holds the project's lock.

    Raises:
        WorkError: another process holds it.
    """
    return locked(state, f"{state.parent}: another scalewright is at work on this project: wait for it or stop it")
