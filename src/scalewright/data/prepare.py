"""From text to packed tokens."""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from scalewright.data.dataset import (
    MANIFEST,
    TOKENIZER,
    Dataset,
    DatasetManifest,
    Source,
    SplitManifest,
    SplitName,
)
from scalewright.data.duplicates import distinct, near_duplicates
from scalewright.data.existing import existing
from scalewright.data.folders import whole_folder
from scalewright.data.order import permutation
from scalewright.data.pieces import MIN_DOCUMENTS, cut_large
from scalewright.data.progress import PrepareProgress, unheard
from scalewright.data.readers import SKIPPED_KEPT, TextDocument, read_documents
from scalewright.data.shards import token_type, write_shards
from scalewright.data.sources import find_files, name_of
from scalewright.data.split import (
    MAX_GROUP_SHARE,
    MAX_HOLD_OUT_BYTES,
    MAX_SHARE,
    MIN_HOLD_OUT_BYTES,
    hold_out_bytes,
    split,
)
from scalewright.data.tokenizer import (
    BYTES_VOCABULARY,
    END_OF_TEXT_ID,
    byte_tokenizer,
    encode,
    train_bpe,
    vocabulary_asked,
)
from scalewright.documents import Reason
from scalewright.errors import WorkError
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
) -> Dataset:
    """Reads text, removes duplicates, splits it, trains a tokenizer on the training part and packs the
    tokens into `out`.

    The folder is whole or absent, whatever happens. The same inputs give the same bytes; a dataset of the
    same inputs that is there already is opened and returned. One of other inputs is replaced.

    Args:
        sources: files, folders or globs; see `read_documents`.
        out: the folder to make.
        base: where relative sources begin.
        tokenizer: `auto`, `bytes` or `bpe:SIZE`.
        seed: decides the split and the order of the documents.
        validation: fraction of the bytes aimed at for validation; see `split`.
        test: the same for test.
        progress: hears of each stage.

    Raises:
        InputError: a source or option is wrong, there is too little text, or `out` is no dataset.
        WorkError: the dataset could not be written.
    """
    heard = progress or unheard
    origins = tuple(Source(name=name_of(path, base), sha256=_hash_of(path)) for path in find_files(sources, base))
    inputs = content_hash(
        {
            "recipe": RECIPE,
            "sources": [[origin.name, origin.sha256] for origin in origins],
            "options": [tokenizer, seed, validation, test],
        }
    )
    known = existing(out, Dataset.open)
    if known and known.manifest.inputs == inputs:
        return known
    vocabulary_asked(tokenizer, 0)

    reading = read_documents(sources, base, heard)
    unique = distinct(reading.documents)
    documents, cut = cut_large(unique)
    groups = near_duplicates(documents, heard)
    sizes = [document.size_bytes for document in documents]
    indices = split(groups, sizes, (validation, test), seed)
    parts: dict[SplitName, list[TextDocument]] = {
        "train": _shuffled(documents, indices.train, seed),
        "validation": _shuffled(documents, indices.validation, seed),
        "test": _shuffled(documents, indices.test, seed),
    }

    train_bytes = sum(sizes[index] for index in indices.train)
    vocabulary, why = vocabulary_asked(tokenizer, train_bytes)
    texts = [document.text for document in parts["train"]]
    trained = byte_tokenizer() if vocabulary == BYTES_VOCABULARY else train_bpe(texts, vocabulary, heard)
    reasons = {
        "vocabulary": why,
        "validation": _hold_out_reason(sum(sizes), validation),
        "test": _hold_out_reason(sum(sizes), test),
    }
    try:
        with whole_folder(out.resolve()) as folder:
            write_atomic(folder / TOKENIZER, trained.to_str(pretty=True))
            splits = {name: _pack(folder, name, part, trained, heard) for name, part in parts.items()}
            DatasetManifest(
                name=out.resolve().name,
                inputs=inputs,
                seed=seed,
                tokenizer="bytes" if vocabulary == BYTES_VOCABULARY else "bpe",
                tokenizer_sha256=file_hash(folder / TOKENIZER),
                vocabulary=trained.get_vocab_size(),
                end_of_text=END_OF_TEXT_ID,
                token_type=token_type(trained.get_vocab_size()),
                bytes_per_token=splits["train"].bytes / splits["train"].tokens,
                splits=splits,
                sources=origins,
                skipped_count=len(reading.skipped),
                skipped=tuple(reading.skipped[:SKIPPED_KEPT]),
                duplicates_removed=len(reading.documents) - len(unique),
                near_duplicate_groups=sum(len(group) > 1 for group in groups),
                cut=cut,
                notes=_cut_note(cut, len(documents)),
                warnings=reading.warnings,
                reasons=reasons,
            ).save(folder / MANIFEST)
    except OSError as error:
        raise WorkError(f"{out}: the dataset could not be written: {error.strerror or error}") from None
    return Dataset.open(out)


def _pack(
    folder: Path,
    name: SplitName,
    documents: list[TextDocument],
    tokenizer: Tokenizer,
    progress: PrepareProgress,
) -> SplitManifest:
    ids = encode(tokenizer, [document.text for document in documents], progress, f"encoding {name}")
    shards = write_shards(folder, name, ids, token_type(tokenizer.get_vocab_size()))
    return SplitManifest(
        documents=len(documents),
        bytes=sum(document.size_bytes for document in documents),
        tokens=sum(shard.tokens for shard in shards),
        shards=shards,
    )


def _shuffled(documents: list[TextDocument], indices: tuple[int, ...], seed: int) -> list[TextDocument]:
    return [documents[indices[place]] for place in permutation(len(indices), "documents", seed)]


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
