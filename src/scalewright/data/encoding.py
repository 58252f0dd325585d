"""Stored texts into token ids, in pieces that processes work at side by side."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from scalewright.data.shards import Tokens, TokenType
from scalewright.data.text_store import StoredTexts, read_bytes
from scalewright.data.tokenizer import END_OF_TEXT_ID, load_tokenizer
from scalewright.data.workers import Workers

BLOCK_BYTES = 1 << 20
"""Text that a process encodes at a time; a longer document is encoded in parts."""

FEW_BYTES = 32 * BLOCK_BYTES
"""Text that one process, on threads of `tokenizers`, encodes faster than others begin."""


class Stretch(NamedTuple):
    """A document in the texts' file, or a part of one."""

    start: int
    size: int
    ends: bool
    """Whether an end of text stands behind it."""


@dataclass(frozen=True)
class Encoder:
    """Encodes stretches of a file of texts.

    Args:
        texts: The file.
        tokenizer: `tokenizer.json`.
        sha256: Its hash.
        dtype: Of the ids.
    """

    texts: Path
    tokenizer: Path
    sha256: str
    dtype: TokenType

    def __call__(self, stretches: list[Stretch]) -> Tokens:
        """Their ids in a row."""
        tokenizer = _loaded(self.tokenizer, self.sha256)
        with self.texts.open("rb") as file:
            texts = [read_bytes(file, start, size).decode() for start, size, _ in stretches]
        parts: list[Tokens] = []
        end = np.array([END_OF_TEXT_ID], dtype=self.dtype)
        encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        for encoding, stretch in zip(encodings, stretches, strict=True):
            parts.append(np.array(encoding.ids, dtype=self.dtype))
            if stretch.ends:
                parts.append(end)
        return np.concatenate(parts)


def encoded(encoder: Encoder, texts: StoredTexts, workers: Workers, first: int = 0) -> Iterator[Tokens]:
    """The ids of all texts in blocks, each text with the end of text behind it; the blocks from number `first` on.

    The blocks depend on the texts alone, not on the number of processes.
    """
    few = bool(texts.sizes.sum() <= FEW_BYTES)
    return workers.in_order(encoder, islice(blocks(texts, BLOCK_BYTES), first, None), few)


def blocks(texts: StoredTexts, block_bytes: int) -> Iterator[list[Stretch]]:
    """Stretches of about as many bytes each, in the order of the texts."""
    block: list[Stretch] = []
    held = 0
    with texts.path.open("rb") as file:
        for start, size in zip(texts.starts.tolist(), texts.sizes.tolist(), strict=True):
            for stretch in _parts(file, start, size, block_bytes):
                block.append(stretch)
                held += stretch.size
                if held >= block_bytes:
                    yield block
                    block, held = [], 0
    if block:
        yield block


def _parts(file: BinaryIO, start: int, size: int, block_bytes: int) -> Iterator[Stretch]:
    end = start + size
    while end - start > 2 * block_bytes:
        cut = _line_end(file, start + block_bytes, end, block_bytes)
        if cut == end:
            break
        yield Stretch(start, cut - start, ends=False)
        start = cut
    yield Stretch(start, end - start, ends=True)


def _line_end(file: BinaryIO, start: int, end: int, block_bytes: int) -> int:
    """Where the first line after `start` ends that has no blank around its end; `end` if there is none.

    A byte-level tokenizer never looks beyond such a place (GPT-2's pattern: blanks that no blank follows are words of their
    own), so that both sides encoded alone are the whole encoded.
    """
    for begin in range(start, end, block_bytes):
        # Characters have up to four bytes: of those on both sides of the places looked at.
        before = max(0, begin - 4)
        window = read_bytes(file, before, min(begin + block_bytes + 4, end) - before)
        at = window.find(b"\n", begin - before)
        while 0 <= at < len(window) - 1:
            left = window[max(0, at - 4) : at].decode(errors="ignore")[-1:]
            right = window[at + 1 : at + 5].decode(errors="ignore")[:1]
            if left and right and not left.isspace() and not right.isspace():
                return before + at + 1
            at = window.find(b"\n", at + 1)
    return end


@lru_cache(maxsize=1)
def _loaded(path: Path, sha256: str) -> Tokenizer:
    return load_tokenizer(path)
