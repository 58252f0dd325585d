"""Where pictures lie and what they show: folders of classes, or a tar of them, with or without splits."""

import os
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from scalewright.data.dataset import SplitName
from scalewright.errors import InputError

KINDS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
SPLITS: dict[str, SplitName] = {
    "train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
"""What folders of splits are called."""

_EXPECTED = "CLASS/PICTURE or train/CLASS/PICTURE, validation/..., test/..."


class PictureFile(NamedTuple):
    """A picture before it is read.

    Attributes:
        name: In messages.
        split: Where its place says so.
        label: Name of its class.
        path: Of itself, or of the tar that holds it.
        offset: Of its first byte there.
        size: In bytes.
    """

    name: str
    split: SplitName | None
    label: str
    path: Path
    offset: int
    size: int

    def read(self) -> bytes:
        """The file's content."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


def find_pictures(sources: Sequence[str | Path], base: Path) -> list[PictureFile]:
    """The pictures that `sources` mean, folders or tars relative to `base`, sorted by name within each.

    Raises:
        InputError: a source is missing or holds no pictures, a picture lies in no class, or only some lie in a split.
    """
    if not sources:
        raise InputError(f"no data named: expected a folder or a .tar of {_EXPECTED}")
    found = [picture for source in sources for picture in _pictures_of(str(source), base)]
    within, without = (
        next((picture for picture in found if (picture.split is None) is outside), None) for outside in (False, True)
    )
    if within and without:
        raise InputError(
            f"{without.name}: lies in no split, while {within.name} lies in {within.split}: expected all of {_EXPECTED}"
        )
    if within and not any(picture.split == "train" for picture in found):
        raise InputError(f"{within.name}: no picture lies in train/: expected {_EXPECTED}")
    return found


def _pictures_of(source: str, base: Path) -> list[PictureFile]:
    path = base / os.path.expanduser(source)
    if path.is_dir():
        found = list(_in_folder(path))
    elif path.is_file():
        found = list(_in_tar(path))
    else:
        raise InputError(f"{source}: no such folder or .tar in {base.resolve()}")
    if not found:
        raise InputError(f"{source}: no picture there, expected {_EXPECTED}, of {', '.join(KINDS)}")
    return sorted(found)


def _in_folder(folder: Path) -> Iterator[PictureFile]:
    # A source may be a split's folder itself.
    top = folder.parent if folder.resolve().name.lower() in SPLITS else folder
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = Path(parent, name)
            if _is_picture(path.name) and path.is_file():
                yield _placed(PurePosixPath(path.relative_to(top).as_posix()), path, 0, path.stat().st_size)


def _in_tar(path: Path) -> Iterator[PictureFile]:
    try:
        # Pictures are compressed themselves; in a tar that is not, each is read where it lies.
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if member.isfile() and _is_picture(PurePosixPath(member.name).name):
                    yield _placed(PurePosixPath(member.name), path, member.offset_data, member.size)
    except tarfile.TarError as error:
        raise InputError(f"{path}: not a plain .tar ({error}): unpack it and name the folder") from None


def _is_picture(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(KINDS)


def _placed(name: PurePosixPath, path: Path, offset: int, size: int) -> PictureFile:
    folders = name.parts[:-1]
    if not folders:
        raise InputError(f"{name}: lies in no folder that names its class: expected {_EXPECTED}")
    split = SPLITS.get(folders[-2].lower()) if len(folders) > 1 else None
    return PictureFile(str(name), split, folders[-1], path, offset, size)
