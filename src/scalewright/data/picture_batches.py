"""Batches of pictures: in an order drawn anew each epoch, shifted and mirrored at random."""

import numpy as np
from numpy.typing import NDArray

from scalewright.data.epochs import Epochs
from scalewright.data.pictures import PictureSequence
from scalewright.data.shares import rows_of
from scalewright.errors import InputError
from scalewright.files import content_hash

SHIFT = 8
"""Pictures are shifted by up to an eighth of their edge: 4 of 32 pixels in He et al. 2015 (arXiv:1512.03385)."""


class PictureBatches:
    """Deterministic training batches, each a pure function of its step: resuming needs no state.

    Args:
        pictures: The training split.
        batch_size: Pictures in a batch.
        seed: Decides the orders, shifts and mirrors.
        unique: Repeat so many pictures only; all by default.
        augment: Whether pictures are shifted and mirrored.

    Raises:
        InputError: there are fewer pictures than `unique` asks for.
    """

    def __init__(
        self, pictures: PictureSequence, batch_size: int, seed: int, unique: int | None = None, augment: bool = True
    ) -> None:
        if unique is not None and unique > len(pictures):
            raise InputError(f"{unique:,} unique pictures asked for, the data hold {len(pictures):,}: ask for fewer")
        self.pictures, self.batch_size, self.seed, self.augment = pictures, batch_size, seed, augment
        self._epochs = Epochs(len(pictures), seed, unique)

    def batch(self, step: int, first: int = 0, count: int | None = None) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The batch of a step, counted from 0, or `count` of its rows from row `first` on: a rank's share of it.

        A picture is shifted and mirrored alike in every share that holds it.

        Returns:
            Pictures [batch_size or count, pixels, pixels, 3] and labels [batch_size or count].

        Raises:
            IndexError: the batch has no such rows.
        """
        share = rows_of(self.batch_size, first, count)
        pictures, labels = self.pictures.take(self._epochs.places(step * self.batch_size + share.start, len(share)))
        return (self._moved(pictures, step, share) if self.augment else pictures), labels

    def _moved(self, pictures: NDArray[np.uint8], step: int, share: range) -> NDArray[np.uint8]:
        edge = self.pictures.pixels
        most = edge // SHIFT
        drawn = np.random.PCG64(int(content_hash(["moved", self.seed, step]), 16)).random_raw((self.batch_size, 3))
        words = drawn[share.start : share.stop]
        shifts = (words[:, :2] % np.uint64(2 * most + 1)).astype(np.int64) - most
        places = np.arange(edge)
        for picture, (down, right), mirrored in zip(pictures, shifts, words[:, 2] % np.uint64(2), strict=True):
            # What is beyond the edge repeats it.
            rows, columns = (np.clip(places + shift, 0, edge - 1) for shift in (down, right))
            picture[:] = picture[rows][:, columns[::-1] if mirrored else columns]
        return pictures
