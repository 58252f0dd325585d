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
    _clear(path)
    part = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    lock = os.open(part, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield part
        publish(part, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        os.close(lock)


@contextmanager
def work_folder(path: Path, key: str) -> Iterator[Path]:
    """Yields a hidden folder beside `path` for what there is of it so far: the same one for the same `key` when called again,
    after a kill or an error. Those of other keys are cleared away, unless they are being worked at.

    One process at a time has it, others wait. It is removed by whoever has no more need of it (`remove_folder`).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f".{path.name}.{key}.part"
    _clear(path, part)
    lock = _locked(part)
    try:
        yield part
    finally:
        os.close(lock)


def remove_folder(folder: Path) -> None:
    """Removes a folder with all that is in it, as far as that can be done."""
    shutil.rmtree(folder, ignore_errors=True)


def _locked(folder: Path) -> int:
    while True:
        # At any moment its last owner may remove it.
        with suppress(FileNotFoundError):
            folder.mkdir(exist_ok=True)
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(lock), folder.stat()):
                    return lock
            os.close(lock)


def _clear(path: Path, keep: Path | None = None) -> None:
    for stale in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        # Those of `data.old` begin like those of `data`.
        key = stale.name[len(path.name) + 2 :].removesuffix(".part").removesuffix(".replaced")
        if "." not in key and stale != keep:
            remove_if_abandoned(stale)


def publish(part: Path, path: Path) -> None:
    """Gives a whole folder the name of `path`, and the place of the folder that was there."""
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
