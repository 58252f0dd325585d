"""Pictures of classes on disk: decoded once, packed as bytes, read through the page cache."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from scalewright.architectures.vgg import COLOURS
from scalewright.data.dataset import SplitName
from scalewright.data.manifests import load_manifest
from scalewright.data.readers import Skipped
from scalewright.data.shards import Shard, TokenStream, verify
from scalewright.documents import Document, Part, Reason
from scalewright.errors import InputError
from scalewright.files import content_hash
from scalewright.laws import Supply


class PicturesSplit(Part):
    """One split."""

    pictures: int
    of_each_class: tuple[int, ...]
    shards: tuple[Shard, ...]
    """Of the pictures' bytes, one after the other: rows, columns, red green blue."""
    labels: tuple[Shard, ...]


class PicturesManifest(Document):
    """`manifest.json`: what the pictures are and how they came about."""

    KIND: ClassVar[str] = "pictures manifest"

    name: str
    inputs: str
    """Hash of everything that decides the dataset: names and contents of the sources, options, seed."""
    seed: int
    pixels: int
    """Edge of every picture."""
    classes: tuple[str, ...]
    splits: dict[SplitName, PicturesSplit]
    skipped_count: int
    skipped: tuple[Skipped, ...]
    """The first hundred of them."""
    duplicates_removed: int
    warnings: tuple[str, ...]
    reasons: dict[str, Reason]


@dataclass(frozen=True)
class Pictures:
    """A folder made by `prepare_pictures`."""

    folder: Path
    manifest: PicturesManifest

    @classmethod
    def open(cls, folder: Path, verify_checksums: bool = False) -> Self:
        """Opens prepared pictures; the checksums of their shards are compared only on demand, their lengths always.

        Raises:
            InputError: there are none, another kind of data, or of another version.
            WorkError: a file of them is missing or damaged; its name is told.
        """
        pictures = cls(folder, load_manifest(folder, PicturesManifest))
        for name, part in pictures.manifest.splits.items():
            pictures.split(name)
            if verify_checksums:
                verify(folder, (*part.shards, *part.labels))
        return pictures

    @property
    def sources(self) -> tuple[()]:
        """None: pictures are not mixed."""
        return ()

    @property
    def supply(self) -> Supply:
        """What there is to train on."""
        return Supply((self.manifest.splits["train"].pictures,))

    @property
    def tokenizer_hash(self) -> None:
        """None: pictures are no text."""
        return None

    @property
    def hash(self) -> str:
        """Identifies what a model sees: the pictures and labels of every split, not their origin."""
        return content_hash(
            {
                name: [shard.sha256 for shard in (*part.shards, *part.labels)]
                for name, part in self.manifest.splits.items()
            }
        )

    def split(self, name: str) -> "PictureSequence":
        """The pictures of `train`, `validation` or `test`, mapped from disk.

        Raises:
            InputError: there is no such split.
            WorkError: a shard is missing or has a wrong length.
        """
        for known, part in self.manifest.splits.items():
            if known == name:
                return PictureSequence(
                    TokenStream(self.folder, part.shards, "uint8"),
                    TokenStream(self.folder, part.labels, "uint16"),
                    self.manifest.pixels,
                )
        raise InputError(f"split {name!r}: expected one of {', '.join(self.manifest.splits)}")


class PictureSequence:
    """Pictures [pixels, pixels, 3] in bytes and their classes' numbers."""

    def __init__(self, content: TokenStream, labels: TokenStream, pixels: int) -> None:
        self._content, self._labels, self.pixels = content, labels, pixels
        self._size = pixels * pixels * COLOURS

    def __len__(self) -> int:
        return len(self._labels)

    def take(self, places: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Pictures [n, pixels, pixels, 3] and labels [n] of some places."""
        edge = self.pixels
        found = np.empty((len(places), edge, edge, COLOURS), dtype=np.uint8)
        labels = np.empty(len(places), dtype=np.int64)
        for row, place in enumerate(places):
            start = int(place) * self._size
            found[row] = self._content[start : start + self._size].reshape(edge, edge, COLOURS)
            labels[row] = self._labels[int(place) : int(place) + 1][0]
        return found, labels
