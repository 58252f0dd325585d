"""Which files the user's words mean: files, folders and globs."""

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from scalewright.errors import InputError

KINDS = (".txt", ".md", ".py", ".jsonl", ".parquet")
COMPRESSIONS = (".gz", ".xz")

_EXPECTED = f"{', '.join(KINDS)} (text also with {' or '.join(COMPRESSIONS)})"


def kind_of(path: Path) -> str | None:
    """The kind that a file's name tells, compressed or not (`.txt` of `novel.txt.xz`); None if unknown."""
    suffix = path.suffix.lower()
    if suffix in COMPRESSIONS:
        suffix = Path(path.stem).suffix.lower()
        return suffix if suffix in KINDS and suffix != ".parquet" else None
    return suffix if suffix in KINDS else None


def find_files(sources: Sequence[str | Path], base: Path) -> list[Path]:
    """The files meant by `sources`, each once, in the order of the sources and sorted within each.

    Args:
        sources: files, folders (read recursively) or globs (`books/*.txt`, `**`), relative to `base`. What
            folders and globs find is left out if hidden or of an unknown kind.
        base: where relative sources begin.

    Raises:
        InputError: a source is missing, matches nothing or holds no file of a known kind, or there is none.
    """
    if not sources:
        raise InputError(f"no data named: expected files, folders or globs of {_EXPECTED}")
    return list(dict.fromkeys(path for source in sources for path in _files_of(str(source), base)))


def name_of(path: Path, base: Path) -> str:
    """A file's name in messages and manifests: relative to `base` where it lies inside."""
    return (path.relative_to(base) if path.is_relative_to(base) else path).as_posix()


def _files_of(source: str, base: Path) -> list[Path]:
    source = os.path.expanduser(source)
    path = base / source
    if path.is_file():
        if kind_of(path) is None:
            raise InputError(f"{source}: kind {path.suffix or 'without a suffix'}, expected one of {_EXPECTED}")
        return [path]
    if path.is_dir():
        found = list(_inside(path))
    elif glob.has_magic(source):
        matches = [base / match for match in sorted(glob.glob(source, root_dir=base, recursive=True))]
        if not matches:
            raise InputError(f"{source}: matches no file in {base.resolve()}; correct the pattern")
        found = [
            file
            for match in matches
            for file in (_inside(match) if match.is_dir() else [match] if kind_of(match) else [])
        ]
    else:
        raise InputError(f"{source}: no such file or folder in {base.resolve()}")
    if not found:
        raise InputError(f"{source}: no file of a known kind there, expected {_EXPECTED}")
    return found


def _inside(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            if not name.startswith(".") and kind_of(path) and path.is_file():
                yield path
