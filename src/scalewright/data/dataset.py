"""Prepared data: a folder of shards, a tokenizer and a manifest that says how they came about."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Self

from scalewright.data.readers import Skipped
from scalewright.data.shards import Shard, TokenStream, TokenType, verify
from scalewright.documents import Document, Part, Reason
from scalewright.errors import InputError, WorkError
from scalewright.files import content_hash, file_hash

MANIFEST, TOKENIZER = "manifest.json", "tokenizer.json"

SplitName = Literal["train", "validation", "test"]


class SplitManifest(Part):
    """One split."""

    documents: int
    bytes: int
    """Of the text in UTF-8."""
    tokens: int
    """With an end of text for each document."""
    shards: tuple[Shard, ...]


class Source(Part):
    """A file that was read, and its SHA-256."""

    name: str
    sha256: str


class DatasetManifest(Document):
    """`manifest.json`: what the data are and how they came about."""

    KIND: ClassVar[str] = "dataset manifest"

    name: str
    inputs: str
    """Hash of everything that decides the dataset: names and contents of the sources, options, seed."""
    seed: int
    tokenizer: Literal["bytes", "bpe"]
    tokenizer_sha256: str
    vocabulary: int
    """Tokens there are, the end of text included."""
    end_of_text: int
    token_type: TokenType
    bytes_per_token: float
    """Of the training split: what turns nats per token into bits per byte."""
    splits: dict[SplitName, SplitManifest]
    sources: tuple[Source, ...]
    skipped_count: int
    skipped: tuple[Skipped, ...]
    """The first hundred of them."""
    duplicates_removed: int
    near_duplicate_groups: int
    """Groups of two or more documents that were kept on one side of the split."""
    cut: tuple[str, ...]
    """Large documents that were cut into pieces."""
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    reasons: dict[str, Reason]


@dataclass(frozen=True)
class Dataset:
    """A folder made by `prepare`."""

    folder: Path
    manifest: DatasetManifest

    @classmethod
    def open(cls, folder: Path, verify_checksums: bool = False) -> Self:
        """Opens a prepared dataset; the checksums of its shards are compared only on demand, their lengths
        always.

        Raises:
            InputError: there is no dataset, or one of another version.
            WorkError: a file of it is missing or damaged; its name is told.
        """
        dataset = cls(folder, DatasetManifest.load(folder / MANIFEST))
        if (
            not dataset.tokenizer_path.is_file()
            or file_hash(dataset.tokenizer_path) != dataset.manifest.tokenizer_sha256
        ):
            raise WorkError(f"{dataset.tokenizer_path}: missing or damaged; prepare the data again")
        for name, part in dataset.manifest.splits.items():
            dataset.tokens(name)
            if verify_checksums:
                verify(folder, part.shards)
        return dataset

    @property
    def tokenizer_path(self) -> Path:
        """`tokenizer.json` in the format of Hugging Face `tokenizers`."""
        return self.folder / TOKENIZER

    @property
    def hash(self) -> str:
        """Identifies what a model sees: the tokens of every split and the tokenizer, not their origin."""
        shards = {name: [shard.sha256 for shard in part.shards] for name, part in self.manifest.splits.items()}
        return content_hash({"tokenizer": self.manifest.tokenizer_sha256, "shards": shards})

    def tokens(self, split: str) -> TokenStream:
        """The tokens of `train`, `validation` or `test`, mapped from disk.

        Raises:
            InputError: there is no such split.
            WorkError: a shard is missing or has a wrong length.
        """
        for name, part in self.manifest.splits.items():
            if name == split:
                return TokenStream(self.folder, part.shards, self.manifest.token_type)
        raise InputError(f"split {split!r}: expected one of {', '.join(self.manifest.splits)}")
