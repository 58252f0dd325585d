import hashlib

import numpy as np

from scalewright.data.order import permutation


def test_a_permutation_that_its_key_decides():
    assert sorted(permutation(1000, "epoch", 3, 7)) == list(range(1000))
    assert np.array_equal(permutation(1000, "epoch", 3, 7), permutation(1000, "epoch", 3, 7))
    assert len({tuple(permutation(50, "epoch", *key)) for key in [(0, 0), (0, 1), (1, 0), (1, 1), (-1, 0)]}) == 5


def test_every_order_of_three_is_as_likely():
    counts = np.unique([permutation(3, seed) for seed in range(6000)], axis=0, return_counts=True)[1]
    # Chi-squared with 5 degrees of freedom exceeds 20.5 once in 1,000.
    assert len(counts) == 6
    assert ((counts - 1000) ** 2 / 1000).sum() < 20.5


def test_the_order_is_that_of_the_raw_words_of_the_generator():
    # The first 64 bits of SHA-256 of the bytes of `["frozen",0]` seed PCG64, whose stream NumPy keeps.
    key = int(hashlib.sha256(b'["frozen",0]').hexdigest()[:16], 16)
    words = [int(word) for word in np.random.PCG64(key).random_raw(20)]
    assert permutation(20, "frozen", 0).tolist() == sorted(range(20), key=words.__getitem__)
