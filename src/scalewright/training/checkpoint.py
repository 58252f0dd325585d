"""Checkpoints: weights, moments and place in the data, whole or absent, read without executing code.

Each is a folder of safetensors, written by all processes of a training at once and read by any other layout of it, and a
manifest with what is not a tensor and the checksums of the files.
"""

import json
import shutil
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from scalewright.errors import WorkError
from scalewright.files import file_hash, sync_folder, write_atomic
from scalewright.training.mesh import Mesh

# One process without a group is what is meant.
warnings.filterwarnings("ignore", message="torch.distributed is disabled, unavailable or uninitialized")

KEPT = 2
"""Newest checkpoints of a run: should the last one be damaged, there is the one before it."""
MANIFEST = "manifest.json"

Tensors = dict[str, Tensor]
Facts = dict[str, Any]
"""Numbers, strings, lists and dicts of them."""


class Saved(NamedTuple):
    """A checkpoint whose files are whole."""

    folder: Path
    facts: Facts
    names: tuple[str, ...]
    """Of its tensors."""
    mesh: Mesh

    def read(self, into: Tensors) -> None:
        """Fills tensors, of any layout, with those of the same names."""
        # A tensor without axes is kept as one of a single number: safetensors are read in slices.
        flat = {name: tensor.view(1) if tensor.ndim == 0 else tensor for name, tensor in into.items()}
        load(
            flat,
            storage_reader=HuggingFaceStorageReader(str(self.folder)),
            process_group=self.mesh.writers,
            no_dist=self.mesh.writers is None,
        )


class Checkpoints:
    """Those of one run in a folder, the newest few.

    Args:
        folder: Their own; made with the first one.
        mesh: Processes that write and read together, each call made by all of them.
        kept: How many are kept.
    """

    def __init__(self, folder: Path, mesh: Mesh, kept: int = KEPT) -> None:
        self.folder, self._mesh, self._kept = folder, mesh, kept
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoints")
        self._writing: Future[None] | None = None

    def save(self, step: int, tensors: Tensors, facts: Facts) -> None:
        """Copies the tensors and writes them in a thread of its own, once the one before is written.

        Raises:
            WorkError: the one before could not be written.
        """
        self.wait()
        copied = {name: _copy(tensor) for name, tensor in tensors.items()}
        self._writing = self._thread.submit(self._write, self.folder / f"step-{step:010}", copied, facts)

    def wait(self) -> None:
        """Until all that was saved is on disk.

        Raises:
            WorkError: it could not be written; earlier checkpoints are still there.
        """
        writing, self._writing = self._writing, None
        if writing is not None:
            try:
                writing.result()
            except (Exception, CheckpointException) as error:
                raise WorkError(
                    f"{self.folder}: the checkpoint could not be written ({_reason(error)}); is the disk full? "
                    "Earlier ones are kept: free some space and start again to go on"
                ) from error

    def newest(self, warn: Callable[[str], None] = lambda text: None) -> Saved | None:
        """The newest checkpoint whose files are whole; None where there is none. `warn` hears of damaged ones."""
        self.wait()
        mesh = self._mesh
        for folder in mesh.told_by_first(sorted(self.folder.glob("step-*"), reverse=True) if mesh.first else []):
            manifest = mesh.told_by_first(_read_manifest(folder) if mesh.first else None)
            if manifest is not None:
                facts, sums = manifest
                # Large ones take a while to read: each process checks its share.
                share = list(sums.items())[mesh.writer :: mesh.count]
                if all(mesh.told(all(_holds(folder / name, value) for name, value in share))):
                    return Saved(folder, facts, tuple(name for name, _ in _tensors_in(folder)), mesh)
            warn(f"{folder}: damaged checkpoint: going on from the one before it")
        return None

    def remove(self) -> None:
        """All of them."""
        self.wait()
        if self._mesh.first:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, folder: Path, tensors: Tensors, facts: Facts) -> None:
        part = folder.with_name(f".{folder.name}.part")
        if self._mesh.first:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
        self._mesh.told_by_first(None)  # the others wait for the folder
        try:
            save(
                tensors,
                storage_writer=HuggingFaceStorageWriter(str(part), save_distributed=True),
                process_group=self._mesh.writers,
                no_dist=self._mesh.writers is None,
            )
            # Each process reads back what it wrote itself.
            mine = {path.name: file_hash(path) for path in part.glob(f"shard-{self._mesh.writer + 1:05}-*")}
            sums = self._mesh.gathered(mine)
            if self._mesh.first:
                checksums = {name: value for each in sums for name, value in each.items()}
                write_atomic(part / MANIFEST, json.dumps({"facts": facts, "checksums": checksums}) + "\n")
                if folder.exists():
                    shutil.rmtree(folder)
                part.rename(folder)
                sync_folder(folder.parent)
                for old in sorted(self.folder.glob("step-*"))[: -self._kept]:
                    shutil.rmtree(old, ignore_errors=True)
        finally:
            if self._mesh.first:
                shutil.rmtree(part, ignore_errors=True)


def read_tensors(folder: Path) -> Tensors | None:
    """The tensors of the newest checkpoint under `folder`, whole, in one process; None where there is none."""
    saved = Checkpoints(folder, Mesh("cpu")).newest()
    if saved is None:
        return None
    tensors = {name: torch.empty(each.size, dtype=each.properties.dtype) for name, each in _tensors_in(saved.folder)}
    saved.read(tensors)
    return tensors


def _tensors_in(folder: Path) -> Iterator[tuple[str, TensorStorageMetadata]]:
    for name, found in HuggingFaceStorageReader(str(folder)).read_metadata().state_dict_metadata.items():
        assert isinstance(found, TensorStorageMetadata)
        yield name, found


def _reason(error: BaseException) -> str:
    # Torch hands on what went wrong on each process, with its traceback.
    if isinstance(error, CheckpointException):
        rank, (cause, _) = next(iter(error.failures.items()))
        return f"process {rank}: {cause}"
    return str(error)


def _copy(tensor: Tensor) -> Tensor:
    copied = tensor.detach().cpu() if tensor.device.type != "cpu" else tensor.detach().clone()
    return copied.view(1) if copied.ndim == 0 else copied.contiguous()


def _read_manifest(folder: Path) -> tuple[Facts, dict[str, str]] | None:
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        return dict(manifest["facts"]), dict(manifest["checksums"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _holds(path: Path, checksum: str) -> bool:
    try:
        return file_hash(path) == checksum
    except OSError:
        return False
