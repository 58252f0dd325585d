"""From text to packed tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scalewright.data.dataset import (
    TOKENIZER,
    Dataset,
    DatasetManifest,
    MixedSource,
    Source,
    SplitManifest,
    SplitName,
)
from scalewright.data.duplicates import families
from scalewright.data.existing import existing
from scalewright.data.folders import publish, remove_folder, work_folder
from scalewright.data.manifests import MANIFEST
from scalewright.data.mixture import Mixture, whole_weights
from scalewright.data.order import permutation
from scalewright.data.pieces import MIN_DOCUMENTS
from scalewright.data.preparation import Preparation
from scalewright.data.progress import PrepareProgress, unheard
from scalewright.data.readers import no_text, skipped_warnings
from scalewright.data.shards import token_type
from scalewright.data.sources import Sources, WeightedSource, files_of_each, hash_of_source, mixture_of, name_of
from scalewright.data.split import (
    MAX_GROUP_SHARE,
    MAX_HOLD_OUT_BYTES,
    MAX_SHARE,
    MIN_HOLD_OUT_BYTES,
    hold_out_bytes,
    split,
)
from scalewright.data.text_store import StoredTexts, interleaved, joined, stored_documents
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

SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")

RECIPE = 3
"""Raised when the same inputs would give other tokens, so that datasets made before are made anew."""


def prepare(
    sources: Sources,
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

    Of a mixture each source is parted on its own, and its loss measured apart; near-duplicates stay on one side also where
    they are of different sources, and a text that two of them have belongs to the first. The one tokenizer is trained on the
    sources in the proportions of their weights, as far as they reach.

    Texts may be larger than memory: they are kept in a hidden folder beside `out` on the way, which takes as much of
    the disk as they have bytes in UTF-8. After a kill or a full disk, the next call with the same inputs goes on from
    there; one with others clears it away. A script calls this under `if __name__ == "__main__":`, for the processes
    it starts are spawned.

    Args:
        sources: files, folders or globs, see `read_documents`; or sources of a mixture.
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
    mixture, files = mixture_of(sources), files_of_each(sources, base)
    origins = tuple(Source(name=name_of(path, base), sha256=hash_of_source(path)) for each in files for path in each)
    decided: dict[str, object] = {
        "recipe": RECIPE,
        "sources": [[origin.name, origin.sha256] for origin in origins],
        "options": [tokenizer, seed, validation, test],
    }
    if mixture:
        named = zip(mixture, whole_weights([source.weight for source in mixture]), files, strict=True)
        decided["mixture"] = [[source.name, weight, len(each)] for source, weight, each in named]
    inputs = content_hash(decided)
    known = _known(out, inputs)
    if known:
        return known
    vocabulary_asked(tokenizer, 0)
    order = _Order(inputs, origins, mixture, tokenizer, seed, validation, test)
    try:
        with work_folder(out.resolve(), inputs) as folder:
            known = _known(out, inputs)
            try:
                if not known:
                    with Workers(processes) as workers:
                        work = Preparation(folder, workers)
                        _make(work, files, base, out.resolve(), order, progress or unheard)
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
    mixture: tuple[WeightedSource, ...]
    tokenizer: str
    seed: int
    validation: float
    test: float


def _known(out: Path, inputs: str) -> Dataset | None:
    found = existing(out, Dataset.open)
    return found if found and found.manifest.inputs == inputs else None


def _make(
    work: Preparation, files: Sequence[Sequence[Path]], base: Path, out: Path, order: _Order, heard: PrepareProgress
) -> None:
    work.read(files, base, heard)
    reading = work.progress
    warnings = skipped_warnings(reading.skipped, reading.skipped_count)
    if not reading.documents:
        raise no_text(sum(map(len, files)), warnings)
    names = [source.name for source in order.mixture]
    stored = [
        _stored(work.folder, first, end, name)
        for (first, end), name in zip(
            pairwise((0, *(reading.ends or (reading.documents,)))), names or [""], strict=True
        )
    ]
    documents = joined([texts for texts, _ in stored])
    sizes, source_of = documents.sizes.tolist(), np.repeat(np.arange(len(stored)), [len(texts) for texts, _ in stored])
    groups = families(work.signatures(documents, heard), sizes)
    indices = split(groups, sizes, (order.validation, order.test), order.seed, source_of.tolist(), names)
    parts = [
        {name: _shuffled(documents, _of(getattr(indices, name), source_of, number), order.seed) for name in SPLITS}
        for number in range(len(stored))
    ]

    shares = Mixture([source.weight for source in order.mixture]).shares if order.mixture else (1.0,)
    training = interleaved([part["train"] for part in parts], shares)
    vocabulary, why = vocabulary_asked(order.tokenizer, int(training.sizes.sum()))
    path = work.dataset / TOKENIZER
    if not path.exists():
        trained = byte_tokenizer() if vocabulary == BYTES_VOCABULARY else train_bpe(training, vocabulary, heard)
        write_atomic(path, trained.to_str(pretty=True))
    size = load_tokenizer(path).get_vocab_size()

    def packed(name: SplitName, part: StoredTexts, source: str) -> SplitManifest:
        shards = work.pack(f"{name}{source}", part, token_type(size), heard)
        return SplitManifest(
            documents=len(part),
            bytes=int(part.sizes.sum()),
            tokens=sum(shard.tokens for shard in shards),
            shards=shards,
        )

    of_each = [
        {name: packed(name, part, f"-{number}" if order.mixture else "") for name, part in each.items()}
        for number, each in enumerate(parts)
    ]
    splits = {name: _added([each[name] for each in of_each]) for name in SPLITS}
    cut = tuple(name for _, names_cut in stored for name in names_cut)
    manifest = DatasetManifest(
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
        mixture=tuple(
            MixedSource(name=source.name, weight=source.weight, splits=each)
            for source, each in zip(order.mixture, of_each, strict=True)
        )
        if order.mixture
        else (),
        sources=order.origins,
        skipped_count=reading.skipped_count,
        skipped=reading.skipped,
        duplicates_removed=reading.read - reading.documents,
        near_duplicate_groups=sum(len(group) > 1 for group in groups),
        cut=cut,
        notes=tuple(
            note
            for (texts, names_cut), name in zip(stored, names or [""], strict=True)
            for note in _cut_note(names_cut, len(texts), name)
        ),
        warnings=warnings,
        reasons={
            "vocabulary": why,
            "validation": _hold_out_reason([int(texts.sizes.sum()) for texts, _ in stored], order.validation, names),
            "test": _hold_out_reason([int(texts.sizes.sum()) for texts, _ in stored], order.test, names),
        }
        | ({"mixture": _mixture_reason(names, shares)} if order.mixture else {}),
    )
    manifest = manifest.model_copy(update={"bytes_per_token": manifest.density("train")})
    manifest.save(work.dataset / MANIFEST)
    publish(work.dataset, out)


def _stored(folder: Path, first: int, end: int, name: str) -> tuple[StoredTexts, tuple[str, ...]]:
    if first == end:
        raise InputError(
            f"source {name!r}: no text of its own: its files are empty or unreadable, or all of it is in the sources before it"
        )
    return stored_documents(folder, end, first)


def _of(indices: tuple[int, ...], source_of: NDArray[np.int64], source: int) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.array(indices, dtype=np.int64)
    chosen: NDArray[np.int64] = found[source_of[found] == source]
    return chosen


def _added(parts: Sequence[SplitManifest]) -> SplitManifest:
    return SplitManifest(
        documents=sum(part.documents for part in parts),
        bytes=sum(part.bytes for part in parts),
        tokens=sum(part.tokens for part in parts),
        shards=tuple(shard for part in parts for shard in part.shards),
    )


def _shuffled(documents: StoredTexts, indices: NDArray[np.int64], seed: int) -> StoredTexts:
    return documents.take(indices[permutation(len(indices), "documents", seed)])


def _mixture_reason(names: Sequence[str], shares: Sequence[float]) -> Reason:
    drawn = ", ".join(f"{name} {share:.1%}" for name, share in zip(names, shares, strict=True))
    return Reason(
        origin="given",
        text=f"{drawn} of the tokens trained on; losses on the hold-outs of the sources are averaged in the same shares",
    )


def _hold_out_reason(totals: Sequence[int], fraction: float, names: Sequence[str]) -> Reason:
    aimed = "; ".join(
        f"{name}{hold_out_bytes(total, fraction):,} bytes aimed at: {fraction:.1%} of {total:,}"
        for name, total in zip([f"{name} " for name in names] or [""], totals, strict=True)
    )
    return Reason(
        origin="derived",
        text=(
            f"{aimed}, at least {MIN_HOLD_OUT_BYTES:,} (or {MAX_SHARE:.0%} of the text), "
            f"at most {MAX_HOLD_OUT_BYTES:,}; near-duplicates stay together, texts and families larger than "
            f"{MAX_GROUP_SHARE:.0%} of that are trained on, so that none decides the mean"
        ),
    )


def _cut_note(cut: tuple[str, ...], documents: int, source: str) -> tuple[str, ...]:
    if not cut:
        return ()
    text = f"the text of {source}" if source else "the text"
    return (
        f"{text} is in effect fewer than {MIN_DOCUMENTS} documents: {len(cut)} large ones were cut, "
        f"{documents} documents in all; validation and test hold pieces of texts whose other pieces are "
        "trained on, so their loss is that of more text of the same kind and author, not of unseen works",
    )
