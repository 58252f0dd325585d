"""Packed tokens on disk: one stream a split, cut into binary shards, read through the page cache."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import accumulate, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scalewright.documents import Part
from scalewright.errors import WorkError
from scalewright.files import file_hash

SHARD_TOKENS = 64_000_000

TokenType = Literal["uint8", "uint16", "uint32"]
Tokens = NDArray[np.unsignedinteger]


class Shard(Part):
    """A file of little-endian token ids."""

    name: str
    tokens: int
    sha256: str


def token_type(vocabulary: int) -> TokenType:
    """The smaller type that holds every id below `vocabulary`."""
    return "uint16" if vocabulary <= 2**16 else "uint32"


def write_shards(
    folder: Path,
    split: str,
    chunks: Iterable[NDArray[np.integer[Any]]],
    dtype: TokenType,
    shard_tokens: int = SHARD_TOKENS,
    written: Sequence[Shard] = (),
    finished: Callable[[Shard], None] = lambda shard: None,
) -> tuple[Shard, ...]:
    """Writes the stream that `chunks` make in a row as `SPLIT-00000.bin`, `SPLIT-00001.bin`, ...

    Args:
        folder: an existing folder; the caller sees to it that it is whole or absent.
        split: first part of the names.
        chunks: token ids.
        dtype: how each id is stored, little-endian.
        shard_tokens: length of each shard but the last.
        written: the first of the shards, where they were written before: `chunks` go on behind them.
        finished: hears of each further shard that is whole and on disk.

    Returns:
        All of the shards, those written before among them.
    """
    shards = list(written)
    for number, parts in groupby(_numbered(chunks, shard_tokens, len(shards)), key=itemgetter(0)):
        name = f"{split}-{number:05d}.bin"
        digest = sha256()
        tokens = 0
        with (folder / name).open("wb") as file:
            for _, part in parts:
                content = part.astype(np.dtype(dtype).newbyteorder("<")).tobytes()
                file.write(content)
                digest.update(content)
                tokens += len(part)
            file.flush()
            os.fsync(file.fileno())
        shards.append(Shard(name=name, tokens=tokens, sha256=digest.hexdigest()))
        finished(shards[-1])
    return tuple(shards)


class TokenStream:
    """The tokens of a split, mapped from its shards: `len(stream)`, `stream[start:stop]`.

    Raises:
        WorkError: a shard is missing or has another length than the manifest says; its name is told.
    """

    def __init__(self, folder: Path, shards: Iterable[Shard], dtype: TokenType) -> None:
        stored = np.dtype(dtype).newbyteorder("<")
        self._maps = [_map(folder, shard, stored) for shard in shards]
        self._ends = list(accumulate(map(len, self._maps)))
        self.dtype = stored

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: slice) -> Tokens:
        start, stop, step = index.indices(len(self))
        if step != 1:
            raise IndexError(f"step {step}: a token stream is read in slices of step 1")
        begin = 0
        parts = []
        for tokens, end in zip(self._maps, self._ends, strict=True):
            if start < end and begin < stop:
                parts.append(tokens[max(start - begin, 0) : stop - begin])
            begin = end
        return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, self.dtype), *parts])


def verify(folder: Path, shards: Iterable[Shard]) -> None:
    """Compares each shard with its checksum.

    Raises:
        WorkError: one differs; its name is told.
    """
    for shard in shards:
        if file_hash(folder / shard.name) != shard.sha256:
            raise WorkError(f"{folder / shard.name}: damaged (its checksum differs); prepare the data again")


def _map(folder: Path, shard: Shard, stored: np.dtype[np.unsignedinteger]) -> Tokens:
    path = folder / shard.name
    found = path.stat().st_size if path.is_file() else 0
    expected = shard.tokens * stored.itemsize
    if found != expected:
        raise WorkError(f"{path}: damaged, {found:,} bytes where {expected:,} were written; prepare the data again")
    tokens: Tokens = np.memmap(path, dtype=stored, mode="r").view(np.ndarray)
    return tokens


def _numbered(
    chunks: Iterable[NDArray[np.integer[Any]]], shard_tokens: int, first: int
) -> Iterator[tuple[int, NDArray[np.integer[Any]]]]:
    position = first * shard_tokens
    for chunk in chunks:
        rest = chunk
        while len(rest):
            part = rest[: shard_tokens - position % shard_tokens]
            yield position // shard_tokens, part
            position += len(part)
            rest = rest[len(part) :]
