"""Byte-level tokenizers: pairs of bytes merged as the training text asks, or the bytes themselves."""

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from scalewright.data.progress import PrepareProgress, unheard
from scalewright.documents import Reason
from scalewright.errors import InputError, WorkError

END_OF_TEXT = "<|endoftext|>"
END_OF_TEXT_ID = 0
"""Stands after each document."""

BYTES_VOCABULARY = 257
"""The 256 bytes and the end of text: the beginning of every vocabulary here."""

MIN_BPE_BYTES = 200_000
MIN_VOCABULARY, MAX_VOCABULARY = 512, 65_536
"""Bounds of the size chosen here."""

MOST_VOCABULARY = 2**20
"""Bound of the size a user may ask for."""

BYTES_PER_TOKEN_LEARNED = 4_000
"""Text a BPE is trained on, for each token of its vocabulary: with all 11 MB of the standard library's
source in place of the first 4 MB, 1,024 tokens span 0.5 % more bytes, with all of 25 MB of novels 0.1 %,
measured here."""


def choose_vocabulary(text_bytes: int) -> tuple[int, Reason]:
    """Size of the vocabulary for so many bytes of training text, the end of text included, and why.

    The power of two nearest to 0.25 sqrt(bytes), within 512 and 65,536; the bytes alone under 200 kB.
    """
    if text_bytes < MIN_BPE_BYTES:
        return BYTES_VOCABULARY, Reason(
            origin="assumed",
            text=f"bytes: {text_bytes:,} bytes of training text are too few to learn longer tokens "
            f"(fewer than {MIN_BPE_BYTES:,})",
        )
    ideal = 0.25 * math.sqrt(text_bytes)
    size = min(max(2 ** round(math.log2(ideal)), MIN_VOCABULARY), MAX_VOCABULARY)
    return size, Reason(
        origin="assumed",
        text=(
            f"0.25 sqrt({text_bytes:,} bytes of training text) = {ideal:.0f}, to the nearest power of two "
            f"within {MIN_VOCABULARY} and {MAX_VOCABULARY}: each token must be seen often enough to be "
            "learned, and the words of a text grow like the square root of its length (Heaps 1978); a larger "
            "head would dwarf a small trunk (cf. Tao et al. 2024, arXiv:2407.13623)"
        ),
    )


def vocabulary_asked(option: str, text_bytes: int) -> tuple[int, Reason]:
    """Size of the vocabulary that the user's word means for so many bytes of training text, and why.

    Args:
        option: `auto`, `bytes` or `bpe:SIZE`.
        text_bytes: length of the training text in UTF-8.

    Raises:
        InputError: it is none of these.
    """
    if option == "auto":
        return choose_vocabulary(text_bytes)
    if option == "bytes":
        return BYTES_VOCABULARY, Reason(origin="given", text="bytes, as asked")
    kind, _, size = option.partition(":")
    if kind != "bpe" or not size.isdecimal() or not BYTES_VOCABULARY < int(size) <= MOST_VOCABULARY:
        raise InputError(
            f"tokenizer {option!r}: expected auto, bytes or bpe:SIZE, "
            f"SIZE from {BYTES_VOCABULARY + 1} to {MOST_VOCABULARY}"
        )
    return int(size), Reason(origin="given", text=f"{option}, as asked")


def byte_tokenizer() -> Tokenizer:
    """One token a byte; the same ids as the first 257 of `train_bpe`."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([END_OF_TEXT, *alphabet])}
    tokenizer = _byte_level(models.BPE(vocabulary, []))
    tokenizer.add_special_tokens([END_OF_TEXT])
    return tokenizer


def train_bpe(texts: Sequence[str], vocabulary: int, progress: PrepareProgress = unheard) -> Tokenizer:
    """A byte-level BPE (Sennrich et al. 2016; Radford et al. 2019) of at most `vocabulary` tokens.

    It learns from the first 4 kB of text for each token of the vocabulary, and time and memory with it are
    bounded: `texts` come in random order. The same texts give the same tokenizer on any number of threads;
    pairs that are as frequent as each other are merged in the order of their ids.
    """
    sample = _first(texts, vocabulary * BYTES_PER_TOKEN_LEARNED)
    tokenizer = _byte_level(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )

    def read() -> Iterator[str]:
        for count, text in enumerate(sample):
            progress("training the tokenizer", count / len(sample))
            yield text

    tokenizer.train_from_iterator(read(), trainer, length=len(sample))
    progress("training the tokenizer", 1.0)
    return tokenizer


def load_tokenizer(path: Path) -> Tokenizer:
    """Reads a `tokenizer.json`; a text that spells out `<|endoftext|>` is encoded as the characters it is.

    Raises:
        WorkError: it is missing or damaged.
    """
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception:  # tokenizers raises bare Exception
        raise WorkError(f"{path}: no tokenizer could be read from it; prepare the data again") from None
    tokenizer.encode_special_tokens = True
    return tokenizer


def _byte_level(model: models.BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.encode_special_tokens = True
    return tokenizer


def _first(texts: Sequence[str], size_bytes: int) -> Sequence[str]:
    ends = accumulate(len(text.encode()) for text in texts)
    return texts[: 1 + next((index for index, end in enumerate(ends) if end >= size_bytes), len(texts))]
