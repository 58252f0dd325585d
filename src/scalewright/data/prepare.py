"""From text to packed tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scalewright.data.dataset import (
    MANIFEST,
    TOKENIZER,
    Dataset,
    DatasetManifest,
    Source,
    SplitManifest,
    SplitName,
)
from scalewright.data.duplicates import families
from scalewright.data.existing import existing
from scalewright.data.folders import publish, remove_folder, work_folder
from scalewright.data.order import permutation
from scalewright.data.pieces import MIN_DOCUMENTS
from scalewright.data.preparation import Preparation
from scalewright.data.progress import PrepareProgress, unheard
from scalewright.data.readers import no_text, skipped_warnings
from scalewright.data.shards import token_type
from scalewright.data.sources import find_files, name_of
from scalewright.data.split import (
    MAX_GROUP_SHARE,
    MAX_HOLD_OUT_BYTES,
    MAX_SHARE,
    MIN_HOLD_OUT_BYTES,
    hold_out_bytes,
    split,
)
from scalewright.data.text_store import StoredTexts, stored_documents
from scalewright.data.tokenizer import (
    BYTES_VOCABULARY,
    END_OF_TEXT_ID,
    byte_tokenizer,
    load_tokenizer,
    train_bpe,
    vocabulary_asked,
)
from scalewright.data.workers import Workers
from scalewright.documents import Reason
from scalewright.errors import InputError, WorkError
from scalewright.files import content_hash, file_hash, write_atomic

RECIPE = 3
"""Raised when the same inputs would give other tokens, so that datasets made before are made anew."""


def prepare(
    sources: Sequence[str | Path],
    out: Path,
    *,
    base: Path = Path(),
    tokenizer: str = "auto",
    seed: int = 0,
    validation: float = 0.04,
    test: float = 0.04,
    progress: PrepareProgress | None = None,
    processes: int | None = None,
) -> Dataset:
    """Reads text, removes duplicates, splits it, trains a tokenizer on the training part and packs the
    tokens into `out`.

    The folder is whole or absent, whatever happens. The same inputs give the same bytes, whatever the number of
    processes; a dataset of the same inputs that is there already is opened and returned. One of other inputs is
    replaced.

    Texts may be larger than memory: they are kept in a hidden folder beside `out` on the way, which takes as much of
    the disk as they have bytes in UTF-8. After a kill or a full disk, the next call with the same inputs goes on from
    there; one with others clears it away. A script calls this under `if __name__ == "__main__":`, for the processes
    it starts are spawned.

    Args:
        sources: files, folders or globs; see `read_documents`.
        out: the folder to make.
        base: where relative sources begin.
        tokenizer: `auto`, `bytes` or `bpe:SIZE`.
        seed: decides the split and the order of the documents.
        validation: fraction of the bytes aimed at for validation; see `split`.
        test: the same for test.
        progress: hears of each stage.
        processes: at work; by default one for each usable thread, or this one alone where there is little text.

    Raises:
        InputError: a source or option is wrong, there is too little text, or `out` is no dataset.
        WorkError: the dataset could not be written, or a process was lost.
    """
    paths = find_files(sources, base)
    origins = tuple(Source(name=name_of(path, base), sha256=_hash_of(path)) for path in paths)
    inputs = content_hash(
        {
            "recipe": RECIPE,
            "sources": [[origin.name, origin.sha256] for origin in origins],
            "options": [tokenizer, seed, validation, test],
        }
    )
    known = _known(out, inputs)
    if known:
        return known
    vocabulary_asked(tokenizer, 0)
    order = _Order(inputs, origins, tokenizer, seed, validation, test)
    try:
        with work_folder(out.resolve(), inputs) as folder:
            known = _known(out, inputs)
            try:
                if not known:
                    with Workers(processes) as workers:
                        work = Preparation(folder, workers)
                        _make(work, paths, base, out.resolve(), order, progress or unheard)
            except InputError:
                remove_folder(folder)
                raise
            remove_folder(folder)
    except OSError as error:
        raise WorkError(
            f"{out}: the dataset could not be written: {error.strerror or error}; what is finished is kept: mend that "
            "and call again to go on"
        ) from None
    return known or Dataset.open(out)


@dataclass(frozen=True)
class _Order:
    """What was asked for."""

    inputs: str
    origins: tuple[Source, ...]
    tokenizer: str
    seed: int
    validation: float
    test: float


def _known(out: Path, inputs: str) -> Dataset | None:
    found = existing(out, Dataset.open)
    return found if found and found.manifest.inputs == inputs else None


def _make(
    work: Preparation, paths: Sequence[Path], base: Path, out: Path, order: _Order, heard: PrepareProgress
) -> None:
    work.read(paths, base, heard)
    reading = work.progress
    warnings = skipped_warnings(reading.skipped, reading.skipped_count)
    if not reading.documents:
        raise no_text(len(paths), warnings)
    documents, cut = stored_documents(work.folder, reading.documents)
    sizes = documents.sizes.tolist()
    groups = families(work.signatures(documents, heard), sizes)
    indices = split(groups, sizes, (order.validation, order.test), order.seed)
    parts: dict[SplitName, StoredTexts] = {
        "train": _shuffled(documents, indices.train, order.seed),
        "validation": _shuffled(documents, indices.validation, order.seed),
        "test": _shuffled(documents, indices.test, order.seed),
    }

    vocabulary, why = vocabulary_asked(order.tokenizer, int(parts["train"].sizes.sum()))
    path = work.dataset / TOKENIZER
    if not path.exists():
        trained = byte_tokenizer() if vocabulary == BYTES_VOCABULARY else train_bpe(parts["train"], vocabulary, heard)
        write_atomic(path, trained.to_str(pretty=True))
    size = load_tokenizer(path).get_vocab_size()
    splits = {
        name: SplitManifest(
            documents=len(part),
            bytes=int(part.sizes.sum()),
            tokens=sum(shard.tokens for shard in shards),
            shards=shards,
        )
        for name, part in parts.items()
        for shards in [work.pack(name, part, token_type(size), heard)]
    }
    DatasetManifest(
        name=out.name,
        inputs=order.inputs,
        seed=order.seed,
        tokenizer="bytes" if vocabulary == BYTES_VOCABULARY else "bpe",
        tokenizer_sha256=file_hash(path),
        vocabulary=size,
        end_of_text=END_OF_TEXT_ID,
        token_type=token_type(size),
        bytes_per_token=splits["train"].bytes / splits["train"].tokens,
        splits=splits,
        sources=order.origins,
        skipped_count=reading.skipped_count,
        skipped=reading.skipped,
        duplicates_removed=reading.read - reading.documents,
        near_duplicate_groups=sum(len(group) > 1 for group in groups),
        cut=cut,
        notes=_cut_note(cut, len(documents)),
        warnings=warnings,
        reasons={
            "vocabulary": why,
            "validation": _hold_out_reason(sum(sizes), order.validation),
            "test": _hold_out_reason(sum(sizes), order.test),
        },
    ).save(work.dataset / MANIFEST)
    publish(work.dataset, out)


def _shuffled(documents: StoredTexts, indices: tuple[int, ...], seed: int) -> StoredTexts:
    return documents.take(np.array(indices, dtype=np.int64)[permutation(len(indices), "documents", seed)])


def _hold_out_reason(total_bytes: int, fraction: float) -> Reason:
    return Reason(
        origin="derived",
        text=(
            f"{hold_out_bytes(total_bytes, fraction):,} bytes aimed at: {fraction:.1%} of {total_bytes:,}, "
            f"at least {MIN_HOLD_OUT_BYTES:,} (or {MAX_SHARE:.0%} of the text), "
            f"at most {MAX_HOLD_OUT_BYTES:,}; near-duplicates stay together, texts and families larger than "
            f"{MAX_GROUP_SHARE:.0%} of that are trained on, so that none decides the mean"
        ),
    )


def _cut_note(cut: tuple[str, ...], documents: int) -> tuple[str, ...]:
    if not cut:
        return ()
    return (
        f"the text is in effect fewer than {MIN_DOCUMENTS} documents: {len(cut)} large ones were cut, "
        f"{documents} documents in all; validation and test hold pieces of texts whose other pieces are "
        "trained on, so their loss is that of more text of the same kind and author, not of unseen works",
    )


def _hash_of(path: Path) -> str:
    try:
        return file_hash(path)
    except OSError:
        return "unreadable"
