"""Batches of pictures: each once an epoch, moved but not changed, a function of the step alone."""

import numpy as np
import pytest

from scalewright.data.picture_batches import PictureBatches
from scalewright.errors import InputError

EDGE = 16


class Numbered:
    """Pictures that are full of their own number, but for a ramp from left to right and one from top to bottom."""

    pixels = EDGE

    def __len__(self):
        return 10

    def take(self, places):
        ramp = np.arange(EDGE, dtype=np.uint8)
        pictures = np.empty((len(places), EDGE, EDGE, 3), dtype=np.uint8)
        pictures[..., 0] = np.asarray(places)[:, None, None]
        pictures[..., 1] = ramp
        pictures[..., 2] = ramp[:, None]
        return pictures, np.asarray(places) % 3


def test_each_picture_once_an_epoch():
    batches = PictureBatches(Numbered(), batch_size=4, seed=1)
    seen = np.concatenate([batches.batch(step)[0][:, 0, 0, 0] for step in range(5)])
    first, second = seen[:10].tolist(), seen[10:].tolist()
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_few_pictures_repeat():
    seen = {int(n) for step in range(6) for n in PictureBatches(Numbered(), 3, 0, unique=4).batch(step)[0][:, 0, 0, 0]}
    assert len(seen) == 4
    with pytest.raises(InputError, match="11 unique pictures asked for, the data hold 10"):
        PictureBatches(Numbered(), 3, 0, unique=11)


def test_a_batch_is_a_function_of_its_step():
    one, other = (PictureBatches(Numbered(), 4, 7) for _ in range(2))
    for step in (5, 0, 5):
        for mine, theirs in zip(one.batch(step), other.batch(step), strict=True):
            assert np.array_equal(mine, theirs)
    assert not np.array_equal(one.batch(0)[0], PictureBatches(Numbered(), 4, 8).batch(0)[0])


def test_shares_make_up_the_batch():
    for step in (0, 3, 7):
        whole = PictureBatches(Numbered(), 7, 5).batch(step)
        shares = [PictureBatches(Numbered(), 7, 5).batch(step, *rows) for rows in ((0, 3), (3, 0), (3, 1), (4, None))]
        for part, expected in enumerate(whole):
            assert np.array_equal(np.concatenate([share[part] for share in shares]), expected)
    with pytest.raises(IndexError, match="rows 6 to 8 of a batch of 7"):
        PictureBatches(Numbered(), 7, 5).batch(0, 6, 2)


def test_pictures_are_shifted_and_mirrored():
    batches = PictureBatches(Numbered(), batch_size=10, seed=3)
    shifts, mirrored = set(), 0
    for step in range(40):
        pictures, labels = batches.batch(step)
        for picture, label in zip(pictures.astype(int), labels, strict=True):
            assert (picture[..., 0] == picture[0, 0, 0]).all()
            assert label == picture[0, 0, 0] % 3
            row = picture[0, :, 1]
            flipped = row[0] > row[-1]
            right = (row[::-1] if flipped else row)[EDGE // 2] - EDGE // 2
            down = picture[EDGE // 2, 0, 2] - EDGE // 2
            straight = np.clip(np.arange(EDGE) + right, 0, EDGE - 1)
            assert np.array_equal(row, straight[::-1] if flipped else straight)
            shifts.add((int(down), int(right)))
            mirrored += int(flipped)
    # Up to an eighth of 16 pixels, each of the 25 shifts as likely: all come in 400 draws but with a chance of 1 in 10^6.
    assert shifts == {(down, right) for down in range(-2, 3) for right in range(-2, 3)}
    assert 140 < mirrored < 260  # of 400: six deviations


def test_held_still():
    pictures, _ = PictureBatches(Numbered(), 10, 0, augment=False).batch(0)
    assert (pictures[..., 1] == np.arange(EDGE)).all()
