"""What lies in a folder of prepared data: text, or pictures."""

import json
from pathlib import Path
from typing import TypeVar

from scalewright.documents import Document
from scalewright.errors import InputError

MANIFEST = "manifest.json"
_OF = {"tokenizer_sha256": "text", "classes": "pictures"}
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
        fields = json.loads(path.read_text())
    except ValueError:
        fields = {}
    found = {of for field, of in _OF.items() if field in fields}
    wanted = {of for field, of in _OF.items() if field in kind.model_fields}
    if found and found != wanted:
        raise InputError(
            f"{folder}: prepared {', '.join(found)}, expected {', '.join(wanted)}: mend the task, or name other data"
        )
    return kind.load(path)
