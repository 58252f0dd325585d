"""Stages that are not run again while their inputs stay what they were."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from scalewright.documents import Document
from scalewright.files import content_hash, write_atomic

AnyDocument = TypeVar("AnyDocument", bound=Document)


class Stages:
    """The record of finished stages in a project's folder: for each the hash of its inputs, and the seconds it took."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / "stages.json"
        self._record: dict[str, dict[str, str | float]] = (
            json.loads(self._path.read_text()) if self._path.exists() else {}
        )
        self._began = time.monotonic()

    def document(
        self,
        name: str,
        kind: type[AnyDocument],
        inputs: Sequence[object],
        make: Callable[[], AnyDocument],
        products: Sequence[Path] = (),
    ) -> AnyDocument:
        """The stage's document `NAME.json`: read where its inputs are unchanged and it and its `products` are there, else made,
        saved and recorded."""
        path = self.folder / f"{name}.json"
        if self.fresh(name, inputs) and all(file.exists() for file in (path, *products)):
            return kind.load(path)
        document = make()
        document.save(path)
        self._record.pop(name, None)
        self.finish(name, inputs)
        return document

    def fresh(self, name: str, inputs: Sequence[object]) -> bool:
        """Whether the stage was finished with just these inputs."""
        return self._record.get(name, {}).get("inputs") == content_hash(list(inputs))

    def finish(self, name: str, inputs: Sequence[object]) -> None:
        """Records the stage as finished with these inputs; the time it took is that of the attempt that finished it."""
        now = time.monotonic()
        if self.fresh(name, inputs):
            self._began = now
            return
        self._record[name] = {"inputs": content_hash(list(inputs)), "seconds": round(now - self._began, 3)}
        self._began = now
        write_atomic(self._path, json.dumps(self._record, indent=2) + "\n")

    @property
    def seconds(self) -> float:
        """Wall time of all finished stages."""
        return sum(float(stage["seconds"]) for stage in self._record.values())
