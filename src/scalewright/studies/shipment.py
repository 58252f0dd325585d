"""A prepared dataset on its way to the nodes of a cluster: once to each, kept there under the hash of its content."""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scalewright.data.folders import remove_if_abandoned, whole_folder
from scalewright.errors import WorkError
from scalewright.files import content_hash, file_hash

CHUNK_BYTES = 2**26
"""Of a file in one object: little enough for any node's memory."""


@dataclass(frozen=True)
class Shipment:
    """A folder as objects of the cluster."""

    key: str
    """Hash of names and contents."""
    files: tuple[tuple[str, tuple[Any, ...]], ...]
    """Each file's relative name and the references of its chunks."""


def pack(folder: Path, put: Callable[[bytes], Any]) -> Shipment:
    """Gives a folder's files to the cluster; `put` returns a reference to what it was given."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in paths]
    key = content_hash([[name, file_hash(path)] for name, path in zip(names, paths, strict=True)])
    return Shipment(key, tuple((name, tuple(map(put, _chunks(path)))) for name, path in zip(names, paths, strict=True)))


def unpack(shipment: Shipment, get: Callable[[Any], bytes]) -> Path:
    """The folder on this node: as it was left by an earlier job, or made of what `get` returns for the references."""
    place = node_folder() / "data"
    place.mkdir(exist_ok=True)
    folder = place / shipment.key
    with _locked(place / f"{shipment.key}.lock"):
        if not folder.is_dir():
            with whole_folder(folder) as part:
                for name, chunks in shipment.files:
                    (part / name).parent.mkdir(parents=True, exist_ok=True)
                    with (part / name).open("wb") as file:
                        for chunk in chunks:
                            file.write(get(chunk))
    return folder


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder of this node for one attempt at a run. Those of processes that were killed are cleared away first."""
    place = node_folder() / "runs"
    place.mkdir(exist_ok=True)
    with _locked(place.parent / "runs.lock"):
        for left in place.iterdir():
            remove_if_abandoned(left)
        folder = tempfile.TemporaryDirectory(dir=place, ignore_cleanup_errors=True)
        held = os.open(folder.name, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
    try:
        with folder as name:
            yield Path(name)
    finally:
        os.close(held)


def node_folder() -> Path:
    """This user's folder for what comes from elsewhere, below the node's folder for temporary files.

    Raises:
        WorkError: somebody else made a folder of that name.
    """
    folder = Path(tempfile.gettempdir(), f"scalewright-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise WorkError(f"{folder}: belongs to somebody else; set TMPDIR to another folder where the node is started")
    return folder


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
