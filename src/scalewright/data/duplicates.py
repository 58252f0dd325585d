"""Texts that are the same, and families of texts that nearly are."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from scalewright.data.progress import PrepareProgress, unheard
from scalewright.data.readers import TextDocument

Words = NDArray[np.uint64]
Signatures = NDArray[np.uint32]

WORDS, CHARACTERS = 5, 10
"""Length of a shingle: words, or characters of text that is written without spaces."""

BANDS, ROWS = 64, 2
"""A pair of similarity J shares a band with probability 1 - (1 - J^2)^64: 0.93 at J = 0.2, 0.9999 at 0.35."""

SIMILAR = (0.2, 0.35, 0.5)
"""Least share of equal minima of a near-duplicate. Files made from one template share little more than 0.2 (the standard
library's `encodings/cp864.py` with its nearest sister 0.25); unrelated prose and code share under 0.05."""

LARGEST_FAMILY = 0.25
"""Share of the text above which a family is one of form, not of content (records of one template, say), and the next
higher similarity is asked for."""

_BLOCK = 1024
_STRETCH = 2**20  # characters, or words, that are hashed at a time
_BLANK = re.compile(r"[ \t\n\r\x0b\x0c]")


class Fingerprint:
    """SHA-256 of a text given in blocks, as it is without blanks at the ends of lines and around the whole."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._blank = ""
        self.empty = True
        """Whether there is nothing but blanks so far."""

    def update(self, block: str) -> None:
        """Takes the next block."""
        text = self._blank + block
        if self.empty:
            text = text.lstrip()
        ended = text.rstrip()
        self._blank = text[len(ended) :]
        if ended:
            self.empty = False
            self._hash.update("\n".join(map(str.rstrip, ended.split("\n"))).encode())

    def digest(self) -> bytes:
        """The hash of what was taken."""
        return self._hash.digest()


def distinct(documents: Sequence[TextDocument]) -> list[TextDocument]:
    """The first of all documents that differ at most in blanks at the ends of lines."""
    first: dict[bytes, TextDocument] = {}
    for document in documents:
        fingerprint = Fingerprint()
        fingerprint.update(document.text)
        first.setdefault(fingerprint.digest(), document)
    return list(first.values())


def near_duplicates(documents: Sequence[TextDocument], progress: PrepareProgress = unheard) -> list[tuple[int, ...]]:
    """Groups documents whose sets of shingles have a Jaccard similarity of about 0.2 or more, directly or by
    a chain; of 0.35 or 0.5 where less would make one family of more than a quarter of the text.

    MinHash (Broder 1997): the share of permutations under which two sets have the same minimum estimates
    their similarity. Only pairs that agree in a whole band of permutations are compared (Indyk and Motwani
    1998).

    Returns:
        Groups of indices into `documents`, each ascending, ordered by their first; a document without a
        near-duplicate is a group of its own.
    """
    signatures = np.empty((len(documents), BANDS * ROWS), dtype=np.uint32)
    for index, document in enumerate(documents):
        signatures[index] = signature(document.text)
        progress("finding near-duplicates", (index + 1) / len(documents))
    return families(signatures, [document.size_bytes for document in documents])


def families(signatures: Signatures, sizes: Sequence[int]) -> list[tuple[int, ...]]:
    """The groups of `near_duplicates`, of documents with these signatures [documents, 128] and lengths in bytes."""
    groups: list[tuple[int, ...]] = []
    for similar in SIMILAR:
        groups = _families(signatures, similar)
        large = [sum(sizes[index] for index in group) for group in groups if len(group) > 1]
        if max(large, default=0) <= LARGEST_FAMILY * sum(sizes):
            break
    return groups


def signature(text: str) -> Signatures:
    """High halves of the minima of the text's shingles under each of 128 permutations of the 64-bit words."""
    minima = np.full(BANDS * ROWS, np.iinfo(np.uint64).max, dtype=np.uint64)
    for hashes in shingles(text):
        for start in range(0, len(hashes), _BLOCK):
            block = hashes[start : start + _BLOCK]
            np.minimum(minima, (_FACTORS * block + _OFFSETS).min(axis=1), out=minima)
    return (minima >> np.uint64(32)).astype(np.uint32)


def shingles(text: str) -> Iterator[Words]:
    """Hashes of the runs of 5 words, or of 10 characters where fewer than one in 20 is a space; each stretch of the text's
    sorted, so that a document of gigabytes takes little more than its words' hashes.

    A text that is shorter than that is one shingle.
    """
    of_characters = text.count(" ") * 20 < len(text)
    units = np.concatenate([_characters(part) if of_characters else _words(part) for part in _stretches(text)])
    width = min(CHARACTERS if of_characters else WORDS, max(1, len(units)))
    for start in range(0, len(units) - width + 1, _STRETCH):
        stretch = units[start : start + _STRETCH + width - 1].astype(np.uint64)
        count = len(stretch) - width + 1
        hashes = np.zeros(count, dtype=np.uint64)
        for place in range(width):
            hashes = _mix(hashes ^ stretch[place : place + count])
        yield np.unique(hashes)


def _stretches(text: str) -> Iterator[str]:
    """The text cut between words."""
    start = 0
    while blank := _BLANK.search(text, start + _STRETCH):
        yield text[start : blank.start()]
        start = blank.start()
    yield text[start:]


def _characters(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)


def _words(text: str) -> NDArray[np.uint32]:
    return np.fromiter(map(crc32, text.encode().split()), dtype=np.uint32)


def _families(signatures: Signatures, similar: float) -> list[tuple[int, ...]]:
    parent = list(range(len(signatures)))
    for first, second in _similar_pairs(signatures, similar):
        a, b = _root(parent, first), _root(parent, second)
        parent[max(a, b)] = min(a, b)
    groups: dict[int, list[int]] = {}
    for index in range(len(signatures)):
        groups.setdefault(_root(parent, index), []).append(index)
    return [tuple(group) for group in groups.values()]


def _similar_pairs(signatures: Signatures, least: float) -> Iterator[tuple[int, int]]:
    for band in range(BANDS):
        for members in _buckets(signatures[:, band * ROWS : (band + 1) * ROWS]):
            while len(members) > 1:
                leader, others = members[0], members[1:]
                similar = (signatures[others] == signatures[leader]).mean(axis=1) >= least
                yield from ((int(leader), int(other)) for other in others[similar])
                members = others[~similar]


def _buckets(rows: Signatures) -> list[NDArray[np.int64]]:
    keys = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.shape[1] * rows.itemsize))).ravel()
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    borders = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    starts, ends = np.concatenate([[0], borders]), np.concatenate([borders, [len(order)]])
    shared = ends - starts > 1
    return [order[start:end] for start, end in zip(starts[shared].tolist(), ends[shared].tolist(), strict=True)]


def _root(parent: list[int], index: int) -> int:
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = parent[index]
    return index


def _mix(words: Words) -> Words:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection that spreads every bit."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


# Odd factors make x -> a x + b mod 2^64 a permutation.
_FACTORS, _OFFSETS = (
    _mix(np.arange(start, start + BANDS * ROWS, dtype=np.uint64))[:, None] for start in (1, 1 + BANDS * ROWS)
)
_FACTORS |= np.uint64(1)
