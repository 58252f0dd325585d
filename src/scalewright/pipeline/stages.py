"""Stages that are not run again while their inputs stay what they were."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from scalewright.documents import Document
from scalewright.errors import InputError
from scalewright.files import content_hash, write_atomic

AnyDocument = TypeVar("AnyDocument", bound=Document)


Record = dict[str, dict[str, str | float]]


class Stages:
    """The record of finished stages in a project's folder: for each the hash of its inputs, and the seconds it took."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / "stages.json"
        self._record = _read(self._path)
        self._began = time.monotonic()

    def document(
        self,
        name: str,
        kind: type[AnyDocument],
        inputs: Sequence[object],
        make: Callable[[], AnyDocument],
        products: Sequence[Path] = (),
        stands: Callable[[AnyDocument], bool] = lambda document: True,
    ) -> AnyDocument:
        """The stage's document `NAME.json`: read where its inputs are unchanged, it and its `products` are there and it still
        `stands`, else made, saved and recorded."""
        path = self.folder / f"{name}.json"
        if kind.VERSION > 1:  # one of an older version is made anew
            inputs = [*inputs, f"version {kind.VERSION}"]
        if self.fresh(name, inputs) and all(file.exists() for file in (path, *products)):
            known = kind.load(path)
            if stands(known):
                return known
        document = make()
        document.save(path)
        self._keep(name, inputs)
        return document

    def fresh(self, name: str, inputs: Sequence[object]) -> bool:
        """Whether the stage was finished with just these inputs."""
        return self._record.get(name, {}).get("inputs") == content_hash(list(inputs))

    def finish(self, name: str, inputs: Sequence[object]) -> None:
        """Records the stage as finished with these inputs; the time it took is that of the attempt that finished it."""
        if self.fresh(name, inputs):
            self._began = time.monotonic()
        else:
            self._keep(name, inputs)

    def _keep(self, name: str, inputs: Sequence[object]) -> None:
        now = time.monotonic()
        self._record[name] = {"inputs": content_hash(list(inputs)), "seconds": round(now - self._began, 3)}
        self._began = now
        write_atomic(self._path, json.dumps(self._record, indent=2) + "\n")

    @property
    def seconds(self) -> float:
        """Wall time of all finished stages."""
        return sum(float(stage["seconds"]) for stage in self._record.values())


def _read(path: Path) -> Record:
    try:
        record: Record = json.loads(path.read_text()) if path.exists() else {}
        well = all(isinstance(stage["inputs"], str) and float(stage["seconds"]) >= 0 for stage in record.values())
    except (ValueError, KeyError, TypeError, AttributeError):
        well = False
    if not well:
        raise InputError(f"{path}: damaged; delete it, and every stage looks anew for what it made")
    return record
