"""Text into packed, checksummed tokens, and tokens into batches, of one dataset or several."""

from scalewright.data.batches import Batches, TokenSequence, windows
from scalewright.data.dataset import Dataset, DatasetManifest, MixedSource, Source, SourceShare, SplitManifest
from scalewright.data.duplicates import distinct, near_duplicates
from scalewright.data.mixed import MixedBatches, MixedDataset
from scalewright.data.mixture import Mixture
from scalewright.data.prepare import prepare
from scalewright.data.progress import PrepareProgress
from scalewright.data.readers import Reading, Skipped, TextDocument, read_documents
from scalewright.data.shards import Shard, TokenStream
from scalewright.data.sources import Sources, WeightedSource
from scalewright.data.split import Split, split
from scalewright.data.standard_library import standard_library_sources
from scalewright.data.tokenizer import byte_tokenizer, choose_vocabulary, load_tokenizer, train_bpe

__all__ = [
    "Batches",
    "Dataset",
    "DatasetManifest",
    "MixedBatches",
    "MixedDataset",
    "MixedSource",
    "Mixture",
    "PrepareProgress",
    "Reading",
    "Shard",
    "Skipped",
    "Source",
    "SourceShare",
    "Sources",
    "Split",
    "SplitManifest",
    "TextDocument",
    "TokenSequence",
    "TokenStream",
    "WeightedSource",
    "byte_tokenizer",
    "choose_vocabulary",
    "distinct",
    "load_tokenizer",
    "near_duplicates",
    "prepare",
    "read_documents",
    "split",
    "standard_library_sources",
    "train_bpe",
    "windows",
]
