"""A dataset that is being made: its hidden folder, and how far the work has come."""

import os
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from scalewright.data.dataset import TOKENIZER
from scalewright.data.duplicates import BANDS, ROWS, Signatures, signature
from scalewright.data.encoding import BLOCK_BYTES, Encoder, encoded
from scalewright.data.progress import PrepareProgress
from scalewright.data.readers import SKIPPED_KEPT, Skipped, UnreadableError, documents_of
from scalewright.data.shards import SHARD_TOKENS, Shard, TokenType, write_shards
from scalewright.data.sources import name_of
from scalewright.data.text_store import StoredTexts, TextWriter
from scalewright.data.workers import Workers
from scalewright.documents import Document, Part
from scalewright.errors import InputError
from scalewright.files import file_hash

SIGNATURES, PROGRESS, DATASET = "signatures.bin", "progress.json", "dataset"

CHECKPOINT_BYTES = 64 << 20
"""Text after which what was read of it is brought to the disk."""

SIGNED_BYTES = 1 << 18
"""Text that a process looks through for near-duplicates at a time."""

FEW_BYTES = 32 * SIGNED_BYTES
"""Text that one process looks through faster than others begin."""


class Packed(Part):
    """The shards of a split that are whole."""

    shards: tuple[Shard, ...] = ()
    block: int = 0
    """Number of the block of ids in which the next shard begins."""
    block_start: int = 0
    """Tokens of the split before that block."""
    whole: bool = False
    """Whether these are all."""


class Progress(Document):
    """`progress.json`: how much of the work is done, and on disk."""

    KIND: ClassVar[str] = "record of a preparation"

    files: int = 0
    """Files that were read."""
    documents: int = 0
    """Distinct texts in the store."""
    read: int = 0
    """Texts that were read, duplicates included."""
    skipped_count: int = 0
    skipped: tuple[Skipped, ...] = ()
    """The first hundred of them."""
    signed: int = 0
    """Blocks of texts whose signatures are there."""
    splits: dict[str, Packed] = Field(default_factory=dict)
    """By the first part of their shards' names."""
    ends: tuple[int, ...] = ()
    """Documents in the store at the end of each source that was read whole."""


class Preparation:
    """The stages of the work; each leaves out what was done before.

    Args:
        folder: A hidden folder, the same for the same inputs.
        workers: The processes that work at it.
    """

    def __init__(self, folder: Path, workers: Workers) -> None:
        self.folder, self.workers = folder, workers
        self.dataset = folder / DATASET
        self.dataset.mkdir(exist_ok=True)
        try:
            self.progress = Progress.load(folder / PROGRESS)
        except InputError:
            self.progress = Progress()

    def read(self, sources: Sequence[Sequence[Path]], base: Path, heard: PrepareProgress) -> None:
        """Brings the distinct texts of each source's files into the store, one source after the other."""
        paths = [path for files in sources for path in files]
        borders = set(accumulate(map(len, sources)))
        if self.progress.files == len(paths):
            return
        with TextWriter(self.folder, self.progress.documents, self.progress.read) as store:
            done, saved_bytes = self.progress, store.text_bytes
            for count, path in enumerate(paths[done.files :], start=done.files + 1):
                count_skipped, skipped = _read_file(store, path, name_of(path, base))
                done = done.model_copy(
                    update={
                        "files": count,
                        "documents": len(store),
                        "read": store.read,
                        "skipped_count": done.skipped_count + count_skipped,
                        "skipped": (*done.skipped, *skipped[: SKIPPED_KEPT - len(done.skipped)]),
                        "ends": (*done.ends, len(store)) if count in borders else done.ends,
                    }
                )
                if count == len(paths) or store.text_bytes - saved_bytes > CHECKPOINT_BYTES:
                    store.sync()
                    self._done(done)
                    saved_bytes = store.text_bytes
                heard("reading", count / len(paths))

    def signatures(self, texts: StoredTexts, heard: PrepareProgress) -> Signatures:
        """The signature of each text [texts, 128], mapped from disk."""
        path, width = self.folder / SIGNATURES, BANDS * ROWS * 4
        ranges = list(_ranges(texts.sizes, SIGNED_BYTES))
        signed = ranges[self.progress.signed - 1].stop if self.progress.signed else 0
        few = bool(texts.sizes.sum() <= FEW_BYTES)
        work = ((texts.path, texts.starts[part.start : part.stop], texts.sizes[part.start : part.stop])
                for part in ranges[self.progress.signed :])  # fmt: skip
        saved = signed
        with path.open("ab") as file:
            file.truncate(signed * width)
            for number, found in enumerate(self.workers.in_order(_signed, work, few), start=self.progress.signed + 1):
                file.write(found.astype("<u4").tobytes())
                signed += len(found)
                if number == len(ranges) or texts.sizes[saved:signed].sum() > CHECKPOINT_BYTES:
                    file.flush()
                    os.fsync(file.fileno())
                    self._done(self.progress.model_copy(update={"signed": number}))
                    saved = signed
                heard("finding near-duplicates", signed / len(texts))
        return np.memmap(path, dtype="<u4", mode="r", shape=(len(texts), BANDS * ROWS)).view(np.ndarray)

    def pack(self, name: str, texts: StoredTexts, dtype: TokenType, heard: PrepareProgress) -> tuple[Shard, ...]:
        """Writes the shards `NAME-00000.bin` and so on, by the tokenizer in the folder of the dataset."""
        before = self.progress.splits.get(name, Packed())
        if before.whole:
            return before.shards
        tokenizer = self.dataset / TOKENIZER
        encoder = Encoder(texts.path, tokenizer, file_hash(tokenizer), dtype)
        shards, total_bytes = list(before.shards), int(texts.sizes.sum())
        block, start, length = before.block - 1, before.block_start, 0

        def ids() -> Iterator[NDArray[np.unsignedinteger]]:
            nonlocal block, start, length
            known = len(before.shards) * SHARD_TOKENS
            for found in encoded(encoder, texts, self.workers, before.block):
                block, start, length = block + 1, start + length, len(found)
                yield found[max(0, known - start) :]
                # No block but the last is shorter.
                heard(f"encoding {name}", min(1.0, (block + 1) * BLOCK_BYTES / total_bytes))
            heard(f"encoding {name}", 1.0)

        def finished(shard: Shard) -> None:
            shards.append(shard)
            self._packed(name, Packed(shards=tuple(shards), block=block, block_start=start))

        written = write_shards(self.dataset, name, ids(), dtype, SHARD_TOKENS, before.shards, finished)
        self._packed(name, Packed(shards=written, whole=True))
        return written

    def _packed(self, name: str, packed: Packed) -> None:
        self._done(self.progress.model_copy(update={"splits": {**self.progress.splits, name: packed}}))

    def _done(self, progress: Progress) -> None:
        progress.save(self.folder / PROGRESS)
        self.progress = progress


def _read_file(store: TextWriter, path: Path, name: str) -> tuple[int, list[Skipped]]:
    # How many of its rows were left out, and the first of them.
    documents, read = len(store), store.read
    count, first = 0, list[Skipped]()
    try:
        for document in documents_of(path, name):
            if not isinstance(document, Skipped):
                store.add(document)
                continue
            count += 1
            if count <= SKIPPED_KEPT:
                first.append(document)
    except UnreadableError as problem:
        store.back_to(documents, read)
        return 1, [Skipped(name=name, why=str(problem))]
    return count, first


def _ranges(sizes: NDArray[np.int64], size_bytes: int) -> Iterator[range]:
    """Numbers of texts that follow on one another and begin within the same `size_bytes`."""
    places = (np.cumsum(sizes) - sizes) // size_bytes
    borders = [0, *(np.flatnonzero(np.diff(places)) + 1).tolist(), len(sizes)]
    return map(range, borders[:-1], borders[1:])


def _signed(work: tuple[Path, NDArray[np.int64], NDArray[np.int64]]) -> Signatures:
    return np.array([signature(text) for text in StoredTexts(*work)], dtype=np.uint32)
