"""Folders that are either whole or absent."""

import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yields a hidden folder beside `path` that on success takes its name, and the place of what was there.

    A process killed in between leaves the earlier folder or none, and the hidden one, which the next call
    clears away: its writer holds a lock on it for as long as it lives.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        remove_if_abandoned(stale)
    part = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    lock = os.open(part, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield part
        _publish(part, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        os.close(lock)


def _publish(part: Path, path: Path) -> None:
    mask = os.umask(0)
    os.umask(mask)
    part.chmod(0o777 & ~mask)
    if path.exists() and any(path.iterdir()):
        replaced = part.with_suffix(".replaced.part")
        path.rename(replaced)
        part.rename(path)
        shutil.rmtree(replaced)
    else:
        part.rename(path)


def remove_if_abandoned(part: Path) -> None:
    """Removes a folder on which no process holds a lock."""
    with suppress(FileNotFoundError, BlockingIOError):
        lock = os.open(part, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(part, ignore_errors=True)
        finally:
            os.close(lock)
