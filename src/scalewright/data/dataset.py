"""Prepared data: a folder of shards, a tokenizer and a manifest that says how they came about."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple, Self

from pydantic import Field

from scalewright.data.manifests import load_manifest
from scalewright.data.mixture import Mixture, whole_weights
from scalewright.data.readers import Skipped
from scalewright.data.shards import Shard, TokenStream, TokenType, verify
from scalewright.documents import Document, Part, Reason
from scalewright.errors import InputError, WorkError
from scalewright.files import content_hash, file_hash
from scalewright.laws import Supply

TOKENIZER = "tokenizer.json"

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


class MixedSource(Part):
    """A source of a mixture: a text with hold-outs of its own."""

    name: str
    weight: float
    """Its share of the tokens trained on, over the sum of all weights."""
    splits: dict[SplitName, SplitManifest]


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
    """All that there is; of a mixture its sources, one after the other."""
    mixture: tuple[MixedSource, ...] = Field(default=(), exclude_if=lambda mixture: not mixture)
    """In the order in which they were named; none, and not written, where all is one text."""
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

    @property
    def shares(self) -> tuple[float, ...]:
        """Of the mixture's sources, adding up to 1."""
        return Mixture([source.weight for source in self.mixture]).shares if self.mixture else ()

    @property
    def supply(self) -> Supply:
        """What there is to train on, and in which shares."""
        if not self.mixture:
            return Supply((self.splits["train"].tokens,))
        return Supply(tuple(source.splits["train"].tokens for source in self.mixture), self.shares)

    def density(self, split: SplitName) -> float:
        """Bytes per token of a split: of a mixture, in the shares at which it is trained on and its loss is measured."""
        if not self.mixture:
            return self.splits[split].bytes / self.splits[split].tokens
        parts = [source.splits[split] for source in self.mixture]
        return sum(share * part.bytes / part.tokens for share, part in zip(self.shares, parts, strict=True))


class SourceShare(NamedTuple):
    """A source of a prepared mixture, as a dataset of its own, and its share of what is trained on."""

    name: str
    share: float
    dataset: "Dataset"


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
            InputError: there is no dataset, another kind of one, or one of another version.
            WorkError: a file of it is missing or damaged; its name is told.
        """
        dataset = cls(folder, load_manifest(folder, DatasetManifest))
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
    def supply(self) -> Supply:
        """What there is to train on, and in which shares."""
        return self.manifest.supply

    @property
    def tokenizer_hash(self) -> str:
        """Of `tokenizer.json`."""
        return self.manifest.tokenizer_sha256

    @property
    def hash(self) -> str:
        """Identifies what a model sees: the tokens of every split and the tokenizer, not their origin; of a mixture, the
        sources in their order and the proportions between them."""
        if self.manifest.mixture:
            weights = whole_weights([source.weight for source in self.manifest.mixture])
            return content_hash({"sources": [source.dataset.hash for source in self.sources], "weights": list(weights)})
        shards = {name: [shard.sha256 for shard in part.shards] for name, part in self.manifest.splits.items()}
        return content_hash({"tokenizer": self.manifest.tokenizer_sha256, "shards": shards})

    @property
    def sources(self) -> tuple[SourceShare, ...]:
        """Those of a mixture; none where all is one text."""
        mixture, shares = self.manifest.mixture, self.manifest.shares
        return tuple(
            SourceShare(
                source.name,
                share,
                Dataset(self.folder, self.manifest.model_copy(update={"splits": source.splits, "mixture": ()})),
            )
            for source, share in zip(mixture, shares, strict=True)
        )

    def tokens(self, split: str) -> TokenStream:
        """The tokens of `train`, `validation` or `test`, mapped from disk; of a mixture, source after source.

        Raises:
            InputError: there is no such split.
            WorkError: a shard is missing or has a wrong length.
        """
        for name, part in self.manifest.splits.items():
            if name == split:
                return TokenStream(self.folder, part.shards, self.manifest.token_type)
        raise InputError(f"split {split!r}: expected one of {', '.join(self.manifest.splits)}")
