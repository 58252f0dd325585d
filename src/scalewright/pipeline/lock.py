"""One program at a time works on a project."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scalewright.errors import WorkError


@contextmanager
def project_lock(state: Path) -> Iterator[None]:
    """Holds the project's lock; the kernel lets it go when this process ends, however it ends.

    Raises:
        WorkError: another process holds it.
    """
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise WorkError(
                f"{state.parent}: another scalewright is at work on this project: wait for it or stop it"
            ) from None
        yield
