"""The distinct texts of a corpus on disk: appended as they are read, read again at any place."""

import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Self, overload

import numpy as np
from numpy.typing import NDArray

from scalewright.data.duplicates import Fingerprint
from scalewright.data.pieces import cut_blocks, piece_size
from scalewright.data.readers import TextBlocks

TEXTS, NAMES, INDEX = "texts.bin", "names.bin", "index.bin"

_ROW = np.dtype([("text_end", "<i8"), ("name_end", "<i8"), ("characters", "<i8"), ("fingerprint", "V16")])
_PACKED = struct.Struct("<qqq16s")
_BLOCK = 1 << 20


class TextWriter:
    """Appends texts in the order in which they come, the first of those that differ in blanks at most (`distinct`).

    Memory holds 16 bytes of each text's fingerprint, nothing of the text.

    Args:
        folder: Where the files lie.
        documents: So many of those that lie there are kept, what comes behind them is cut off.
        read: Texts that were read for them, duplicates included.
    """

    def __init__(self, folder: Path, documents: int = 0, read: int = 0) -> None:
        self._files = [(folder / name).open("a+b") for name in (TEXTS, NAMES, INDEX)]
        self._texts, self._names, self._index = self._files
        self._known: set[bytes] = {row.tobytes() for row in _rows(folder, 0, documents)["fingerprint"]}
        self._folder = folder
        self._begin(documents, read)

    def __len__(self) -> int:
        return self._documents

    @property
    def text_bytes(self) -> int:
        """Of all texts in UTF-8."""
        return self._text_end

    def add(self, document: TextBlocks) -> None:
        """Appends a text, unless it holds nothing or was there before."""
        fingerprint = Fingerprint()
        size = characters = 0
        for block in document.blocks:
            fingerprint.update(block)
            content = block.encode()
            self._texts.write(content)
            size += len(content)
            characters += len(block)
        digest = fingerprint.digest()[:16]
        self.read += not fingerprint.empty
        if fingerprint.empty or digest in self._known:
            self._texts.truncate(self._text_end)
            return
        self._known.add(digest)
        name = document.name.encode(errors="surrogateescape")
        self._names.write(name)
        self._text_end += size
        self._name_end += len(name)
        self._documents += 1
        self._index.write(_PACKED.pack(self._text_end, self._name_end, characters, digest))

    def back_to(self, documents: int, read: int) -> None:
        """Forgets what came behind the first texts."""
        self._index.flush()
        forgotten = _rows(self._folder, documents, self._documents - documents)
        self._known.difference_update(row.tobytes() for row in forgotten["fingerprint"])
        self._begin(documents, read)

    def sync(self) -> None:
        """Brings all that was added to the disk."""
        for file in self._files:
            file.flush()
            os.fsync(file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def _begin(self, documents: int, read: int) -> None:
        self._documents, self.read = documents, read
        last = _rows(self._folder, documents - 1, 1)[0] if documents else None
        self._text_end, self._name_end = (0, 0) if last is None else (int(last["text_end"]), int(last["name_end"]))
        for file, end in zip(self._files, (self._text_end, self._name_end, documents * _ROW.itemsize), strict=True):
            file.truncate(end)


class StoredTexts(Sequence[str]):
    """Texts in a store's file, by where each begins and how many bytes it has; read when asked for."""

    def __init__(self, path: Path, starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> None:
        self.path, self.starts, self.sizes = path, starts, sizes

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> "StoredTexts": ...

    def __getitem__(self, index: int | slice) -> "str | StoredTexts":
        if isinstance(index, slice):
            return StoredTexts(self.path, self.starts[index], self.sizes[index])
        with self.path.open("rb") as file:
            return read_bytes(file, int(self.starts[index]), int(self.sizes[index])).decode()

    def take(self, order: NDArray[np.int64]) -> "StoredTexts":
        """The texts at some places."""
        return StoredTexts(self.path, self.starts[order], self.sizes[order])


def stored_documents(folder: Path, documents: int, first: int = 0) -> tuple[StoredTexts, tuple[str, ...]]:
    """Documents of a store from number `first` to `documents`, large ones cut as `cut_large` does, and the names of those that
    were cut."""
    before = _rows(folder, first - 1, 1)[0] if first else None
    text_begin, name_begin = (0, 0) if before is None else (int(before["text_end"]), int(before["name_end"]))
    rows = _rows(folder, first, documents - first)
    ends = rows["text_end"].astype(np.int64)
    sizes = np.diff(ends, prepend=text_begin)
    size = piece_size(rows["characters"].tolist())
    if size is None:
        return StoredTexts(folder / TEXTS, ends - sizes, sizes), ()
    cut: list[str] = []
    piece_sizes: list[int] = []
    with (folder / TEXTS).open("rb") as texts, (folder / NAMES).open("rb") as names:
        for number, (start, length) in enumerate(zip((ends - sizes).tolist(), sizes.tolist(), strict=True)):
            pieces = [len(piece.encode()) for piece in cut_blocks(_blocks(texts, start, length), size)]
            piece_sizes += pieces
            if len(pieces) > 1:
                begin = int(rows["name_end"][number - 1]) if number else name_begin
                name = read_bytes(names, begin, int(rows["name_end"][number]) - begin)
                cut.append(name.decode(errors="surrogateescape"))
    # Pieces join to their documents, and documents follow on one another without a gap.
    found = np.array(piece_sizes, dtype=np.int64)
    return StoredTexts(folder / TEXTS, text_begin + np.cumsum(found) - found, found), tuple(cut)


def joined(texts: Sequence[StoredTexts]) -> StoredTexts:
    """All of them, of one file, in a row."""
    starts, sizes = (np.concatenate(each) for each in zip(*((part.starts, part.sizes) for part in texts), strict=True))
    return StoredTexts(texts[0].path, starts, sizes)


def interleaved(texts: Sequence[StoredTexts], shares: Sequence[float]) -> StoredTexts:
    """All of them, of one file, each in its own order: what comes first of them has their shares of the bytes, for as long as
    none is at its end."""
    begins = [(np.cumsum(part.sizes) - part.sizes) / share for part, share in zip(texts, shares, strict=True)]
    return joined(texts).take(np.argsort(np.concatenate(begins), kind="stable"))


def read_bytes(file: BinaryIO, start: int, size: int) -> bytes:
    """Bytes of a file at a place, past its buffer: a map of it would count as memory in use."""
    parts = []
    while size:
        part = os.pread(file.fileno(), min(size, 1 << 30), start)
        if not part:
            raise OSError(f"{file.name}: ended {size:,} bytes too early")
        parts.append(part)
        start, size = start + len(part), size - len(part)
    return b"".join(parts)


def _blocks(file: BinaryIO, start: int, size: int) -> Iterator[str]:
    rest = b""
    for begin in range(start, start + size, _BLOCK):
        content = rest + read_bytes(file, begin, min(_BLOCK, start + size - begin))
        text = content.decode(errors="ignore")  # but for the character that the next block ends
        rest = content[len(text.encode()) :]
        yield text


def _rows(folder: Path, first: int, count: int) -> NDArray[np.void]:
    path = folder / INDEX
    return np.fromfile(path, dtype=_ROW, count=count, offset=first * _ROW.itemsize) if count else np.empty(0, _ROW)
