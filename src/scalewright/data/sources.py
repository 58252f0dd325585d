"""Which files the user's words mean: files, folders and globs."""

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from scalewright.data.mixture import whole_weights
from scalewright.errors import InputError
from scalewright.files import file_hash

KINDS = (".txt", ".md", ".py", ".jsonl", ".parquet")
COMPRESSIONS = (".gz", ".xz")

_EXPECTED = f"{', '.join(KINDS)} (text also with {' or '.join(COMPRESSIONS)})"


_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class WeightedSource:
    """A source of a mixture.

    Attributes:
        name: Letters, digits, `-`, `_` and `.`; what its loss is called by.
        data: Files, folders or globs; see `find_files`.
        weight: Its share of the tokens trained on, over the sum of all weights.
    """

    name: str
    data: tuple[str | Path, ...]
    weight: float


Sources: TypeAlias = Sequence[str | Path] | Sequence[WeightedSource]
"""What text is read from: one text of files, folders or globs, or several that are mixed."""


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


def mixture_of(sources: Sources) -> tuple[WeightedSource, ...]:
    """The sources of a mixture; none where all is one text.

    Raises:
        InputError: a name or a weight makes no sense, two sources have one name, or some have a weight and others not.
    """
    mixed = tuple(source for source in sources if isinstance(source, WeightedSource))
    if mixed and len(mixed) < len(sources):
        raise InputError("data: sources with a weight and others without: give each a weight")
    names = [source.name for source in mixed]
    for source in mixed:
        if not _NAME.fullmatch(source.name):
            raise InputError(f"source {source.name!r}: expected a name of letters, digits, '-', '_' and '.'")
        if names.count(source.name) > 1:
            raise InputError(f"source {source.name!r}: {names.count(source.name)} have this name: rename all but one")
    if mixed:
        whole_weights([source.weight for source in mixed])
    return mixed


def files_of_each(sources: Sources, base: Path) -> list[list[Path]]:
    """The files of each source of a mixture; of one text in a single list.

    Raises:
        InputError: see `find_files` and `mixture_of`, or a file is in two sources.
    """
    mixture = mixture_of(sources)
    if not mixture:
        return [find_files([source for source in sources if not isinstance(source, WeightedSource)], base)]
    found: list[list[Path]] = []
    owners: dict[Path, str] = {}
    for source in mixture:
        try:
            found.append(find_files(source.data, base))
        except InputError as error:
            raise InputError(f"source {source.name!r}: {error}") from None
        for path in found[-1]:
            owner = owners.setdefault(path.resolve(), source.name)
            if owner != source.name:
                raise InputError(
                    f"{name_of(path, base)}: in source {owner!r} and in {source.name!r}: a file belongs to one source; "
                    "make their patterns exclude each other"
                )
    return found


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


def hash_of_source(path: Path) -> str:
    """SHA-256 of a file that may turn out to be unreadable: its reader says why, and leaves it out."""
    try:
        return file_hash(path)
    except OSError:
        return "unreadable"
