"""A run's folder as it was at one moment, to be carried between machines."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from scalewright.files import write_atomic

Snapshot = dict[str, bytes]
"""Files by their paths inside the folder."""
Listing = dict[str, tuple[int, int, int]]

_LOCK = "lock"


def listing(folder: Path) -> Listing:
    """What tells each file from an earlier one of its name; hidden files and locks are nobody's results."""
    found: Listing = {}
    # Unlike rglob, walk passes over folders that vanish while it is under way: checkpoints come and go.
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for path in (Path(parent, file) for file in sorted(files) if not file.startswith(".")):
            name = path.relative_to(folder).as_posix()
            with suppress(FileNotFoundError):
                status = path.stat()
                if name != _LOCK and stat.S_ISREG(status.st_mode):
                    found[name] = status.st_ino, status.st_mtime_ns, status.st_size
    return found


def read_snapshot(folder: Path) -> Snapshot | None:
    """The folder's files; None where one of them changed meanwhile, so that they might not belong together."""
    before = listing(folder)
    try:
        files = {name: (folder / name).read_bytes() for name in before}
    except FileNotFoundError:
        return None
    return files if listing(folder) == before else None


def write_snapshot(folder: Path, snapshot: Snapshot) -> None:
    """Brings the folder to the snapshot; a process killed in between leaves something to go on from.

    Files that are there already, byte for byte, are left alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(snapshot, key=_rank):
        path = folder / name
        if not (path.exists() and path.stat().st_size == len(snapshot[name]) and path.read_bytes() == snapshot[name]):
            write_atomic(path, snapshot[name])
    for name in listing(folder):
        if name not in snapshot:
            (folder / name).unlink()
            with suppress(OSError):  # unless it holds others
                (folder / name).parent.rmdir()


def _rank(name: str) -> tuple[int, bool]:
    # Weights before the result that says they are there; results before the checkpoints that stand beyond them. What says that
    # a checkpoint is whole comes after its parts.
    return 0 if name.startswith("weights/") else 1 if name.startswith("result-") else 2, name.endswith("manifest.json")
