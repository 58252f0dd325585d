"""What lies in a folder of prepared data: text, or pictures."""

import json
from collections.abc import Container
from pathlib import Path
from typing import TypeVar

from scalewright.documents import Document
from scalewright.errors import InputError

MANIFEST = "manifest.json"
_MARKS = {"tokenizer_sha256": "text", "classes": "pictures"}
"""Fields that the manifest of one kind has alone."""

Manifest = TypeVar("Manifest", bound=Document)


def load_manifest(folder: Path, kind: type[Manifest]) -> Manifest:
    """The manifest of a folder.

    Raises:
        InputError: it was not prepared, for another task, or by another version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; expected a {kind.KIND}, which `scalewright prepare --out {folder}` writes"
        )
    try:
        return kind.load(path)
    except InputError:
        found, wanted = _of(_fields(path)), _of(kind.model_fields)
        if found is None or found == wanted:
            raise
        raise InputError(f"{folder}: prepared {found}, expected {wanted}: mend the task, or name other data") from None


def _of(fields: Container[str]) -> str | None:
    return next((of for field, of in _MARKS.items() if field in fields), None)


def _fields(path: Path) -> Container[str]:
    try:
        fields = json.loads(path.read_text())
    except ValueError:
        return ()
    return fields if isinstance(fields, dict) else ()
