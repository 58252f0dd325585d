"""From picture files to packed bytes."""

import io
from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from scalewright.data.dataset import SplitName
from scalewright.data.existing import existing
from scalewright.data.folders import whole_folder
from scalewright.data.manifests import MANIFEST
from scalewright.data.order import permutation
from scalewright.data.picture_files import PictureFile, find_pictures
from scalewright.data.pictures import Pictures, PicturesManifest, PicturesSplit
from scalewright.data.progress import PrepareProgress, unheard
from scalewright.data.readers import SKIPPED_KEPT, Skipped
from scalewright.data.shards import write_shards
from scalewright.data.sources import hash_of_source
from scalewright.data.workers import Workers
from scalewright.documents import Reason
from scalewright.errors import InputError, WorkError
from scalewright.files import content_hash

RECIPE = 1
"""Raised when the same inputs would give other pictures, so that datasets made before are made anew."""
_CHUNK = 32
_FEW = 256
"""Pictures that one process decodes faster than others begin."""


def prepare_pictures(
    sources: Sequence[str | Path],
    out: Path,
    *,
    pixels: int,
    base: Path = Path(),
    seed: int = 0,
    validation: float = 0.1,
    test: float = 0.1,
    progress: PrepareProgress | None = None,
) -> Pictures:
    """Decodes pictures on all processors, cuts their middle square to `pixels` x `pixels`, and packs them into `out`.

    Splits are those of the folders `train`, `validation` and `test`; what is missing of them is drawn, class by class, from
    what is there. Of pictures that come out the same to the last byte one is kept, that of the test split first. The folder is
    whole or absent; the same inputs give the same bytes.

    Args:
        sources: Folders or tars; see `find_pictures`.
        out: The folder to make.
        pixels: Edge of the square pictures.
        base: Where relative sources begin.
        seed: Decides what is drawn for validation and test.
        validation: Fraction of each class to be drawn for validation where there is no such folder.
        test: The same for test.
        progress: Hears of each stage.

    Raises:
        InputError: a source or option is wrong, a class is nowhere in the training split, or `out` is no dataset.
        WorkError: the dataset could not be written.
    """
    if pixels < 1:
        raise InputError(f"pixels {pixels}: expected a positive number")
    heard = progress or unheard
    files = find_pictures(sources, base)
    hashes = {path: hash_of_source(path) for path in sorted({file.path for file in files})}
    inputs = content_hash(
        {
            "recipe": RECIPE,
            "sources": [[file.name, file.offset, hashes[file.path]] for file in files],
            "options": [pixels, seed, validation, test],
        }
    )
    known = existing(out, Pictures.open)
    if known and known.manifest.inputs == inputs:
        return known

    drawn: dict[SplitName, float] = {"validation": validation, "test": test}
    parts = _split(files, drawn, seed)
    classes = tuple(sorted({file.label for file in files}))
    for label in classes:
        if not any(file.label == label for file in parts["train"]):
            raise InputError(f"class {label!r}: no picture of it in the training split: add some, or take it out")
    reading = _Reading(classes, pixels)
    try:
        with whole_folder(out.resolve()) as folder:
            # The held-out pictures first: what comes again is left out of training, not out of the test.
            splits = {name: reading.pack(folder, name, parts[name], heard) for name in ("test", "validation", "train")}
            for label, count in zip(classes, splits["train"].of_each_class, strict=True):
                if not count:
                    raise InputError(
                        f"class {label!r}: none of its pictures is left in the training split, for they could not be read or "
                        "are held out as well: add some, or take it out"
                    )
            PicturesManifest(
                name=out.resolve().name,
                inputs=inputs,
                seed=seed,
                pixels=pixels,
                classes=classes,
                splits={name: splits[name] for name in ("train", "validation", "test")},
                skipped_count=len(reading.skipped),
                skipped=tuple(reading.skipped[:SKIPPED_KEPT]),
                duplicates_removed=reading.duplicates,
                warnings=reading.warnings(),
                reasons={name: _reason(name, files, share) for name, share in drawn.items()},
            ).save(folder / MANIFEST)
    except OSError as error:
        raise WorkError(f"{out}: the dataset could not be written: {error.strerror or error}") from None
    return Pictures.open(out)


class _Reading:
    """Pictures decoded split by split: what was seen before, what could not be read."""

    def __init__(self, classes: tuple[str, ...], pixels: int) -> None:
        self._numbers = {label: number for number, label in enumerate(classes)}
        self._pixels = pixels
        self._seen: set[bytes] = set()
        self.skipped: list[Skipped] = []
        self.duplicates = 0

    def pack(self, folder: Path, name: SplitName, files: list[PictureFile], progress: PrepareProgress) -> PicturesSplit:
        """Decodes the pictures of a split and writes them.

        Raises:
            InputError: none of them could be read.
        """
        labels: list[int] = []
        shards = write_shards(folder, name, self._decoded(files, labels, progress, f"decoding {name}"), "uint8")
        if not labels:
            said = f": {self.skipped[-1].name}: {self.skipped[-1].why}" if self.skipped else ""
            raise InputError(f"{name}: none of {len(files)} pictures is left{said}")
        numbers = np.array(labels, dtype=np.int64)
        return PicturesSplit(
            pictures=len(labels),
            of_each_class=tuple(np.bincount(numbers, minlength=len(self._numbers)).tolist()),
            shards=shards,
            labels=write_shards(folder, f"{name}-labels", [numbers], "uint16"),
        )

    def warnings(self) -> tuple[str, ...]:
        """What the user should know."""
        if not self.skipped:
            return ()
        first = self.skipped[0]
        return (
            f"left out, for they could not be read: {len(self.skipped)} of the files, the first {first.name}: {first.why}",
        )

    def _decoded(
        self, files: list[PictureFile], labels: list[int], progress: PrepareProgress, stage: str
    ) -> Iterator[NDArray[np.uint8]]:
        for number, (file, found) in enumerate(zip(files, _decode_all(files, self._pixels), strict=True)):
            progress(stage, number / len(files))
            if isinstance(found, str):
                self.skipped.append(Skipped(name=file.name, why=found))
                continue
            digest = sha256(found.tobytes()).digest()
            if digest in self._seen:
                self.duplicates += 1
                continue
            self._seen.add(digest)
            labels.append(self._numbers[file.label])
            yield found.reshape(-1)
        progress(stage, 1.0)


def _decode_all(files: list[PictureFile], pixels: int) -> Iterator[NDArray[np.uint8] | str]:
    chunks = (files[start : start + _CHUNK] for start in range(0, len(files), _CHUNK))
    with Workers() as workers:
        # A few chunks ahead: all of a large dataset's pictures would not fit into memory.
        for found in workers.in_order(partial(_decode_some, pixels=pixels), chunks, few=len(files) <= _FEW):
            yield from found


def _decode_some(files: list[PictureFile], pixels: int) -> list[NDArray[np.uint8] | str]:
    return [_decode(file, pixels) for file in files]


def _decode(file: PictureFile, pixels: int) -> NDArray[np.uint8] | str:
    """The middle square of a picture, upright; or why there is none."""
    try:
        with Image.open(io.BytesIO(file.read())) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGB")
        return np.asarray(ImageOps.fit(upright, (pixels, pixels), Image.Resampling.BICUBIC), dtype=np.uint8)
    except Exception as error:  # Pillow's decoders raise whatever a damaged file makes them raise.
        return "no picture that Pillow knows" if isinstance(error, UnidentifiedImageError) else f"damaged ({error})"


def _split(files: list[PictureFile], drawn: dict[SplitName, float], seed: int) -> dict[SplitName, list[PictureFile]]:
    """The files of each split; those that the folders do not give are drawn from the training split's, class by class."""
    given = {file.split for file in files}
    place: dict[PictureFile, SplitName] = {file: file.split or "train" for file in files}
    for label in sorted({file.label for file in files}):
        left = [file for file in files if file.label == label and place[file] == "train"]
        left = [left[number] for number in permutation(len(left), "pictures", label, seed)]
        whole = len(left)
        for name, share in drawn.items():
            if name not in given:
                # One at least, as long as one is left to train on.
                count = min(max(1, round(share * whole)), max(len(left) - 1, 0))
                place.update(dict.fromkeys(left[:count], name))
                left = left[count:]
    return {name: [file for file in files if place[file] == name] for name in ("train", "validation", "test")}


def _reason(name: SplitName, files: list[PictureFile], share: float) -> Reason:
    if any(file.split == name for file in files):
        return Reason(origin="given", text=f"the pictures in folders called {name}")
    return Reason(
        origin="assumed", text=f"{share:.0%} of each class, drawn from the training split: no folder is called {name}"
    )
