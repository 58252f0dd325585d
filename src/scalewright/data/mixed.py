"""Training batches from several prepared datasets at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scalewright.data.batches import Batches, TokenSequence
from scalewright.data.dataset import Dataset
from scalewright.data.mixture import Mixture
from scalewright.data.shares import rows_of
from scalewright.errors import InputError
from scalewright.files import content_hash


class MixedBatches:
    """Deterministic training batches of several sources, each a pure function of its step: resuming needs no state.

    Each source goes through epochs of its own, in orders of its own, as in `Batches`; a mixture of one source gives
    the batches of `Batches`. Which source a row comes from depends on the row's number alone, so that the size of the
    batches and the number of ranks do not change the order of the rows.

    Args:
        sources: The training split of each.
        weights: Proportions of the rows; see `Mixture`.
        context: Tokens that a window predicts.
        batch_size: Windows in a batch.
        seed: Decides the orders.
        unique_tokens: Repeat so many tokens only, of each source its share where it has as much; see `Batches`.

    Raises:
        InputError: a weight does not fit, or a source has fewer tokens than one window holds.
    """

    def __init__(
        self,
        sources: Sequence[TokenSequence],
        weights: Sequence[float],
        context: int,
        batch_size: int,
        seed: int,
        unique_tokens: int | None = None,
    ) -> None:
        if len(sources) != len(weights):
            raise InputError(f"{len(sources)} sources and {len(weights)} weights: expected one weight for each source")
        self.mixture = Mixture(weights)
        self.context, self.batch_size, self.seed = context, batch_size, seed
        self._batches: list[Batches] = []
        for number, (tokens, share) in enumerate(zip(sources, self.mixture.shares, strict=True)):
            # No less than a window of each.
            limit = None if unique_tokens is None else min(len(tokens), max(context, round(share * unique_tokens)))
            self._batches.append(Batches(tokens, context, 1, _seed_of(number, seed), limit))

    def batch(self, step: int, first: int = 0, count: int | None = None) -> NDArray[np.int64]:
        """The batch of a step, or a rank's share of it; see `Batches.batch`."""
        share = rows_of(self.batch_size, first, count)
        found = np.empty((len(share), self.context + 1), dtype=np.int64)
        sources, places = self.mixture.rows(step * self.batch_size + share.start, len(share))
        for source in np.unique(sources).tolist():
            # Rows of a source follow on one another.
            own = sources == source
            found[own] = self._batches[source].rows(int(places[own][0]), int(own.sum()))
        return found

    def epochs(self, steps: int) -> tuple[float, ...]:
        """How often each source has been gone through after so many steps."""
        drawn = self.mixture.drawn(steps * self.batch_size)
        return tuple(rows / batches.windows for rows, batches in zip(drawn, self._batches, strict=True))


class MixedDataset:
    """Prepared datasets of one tokenizer, and the weights at which they are trained on.

    Args:
        datasets: Each a source.
        weights: Proportions of the training rows; see `Mixture`.

    Raises:
        InputError: a weight does not fit, or the tokenizers differ.
    """

    def __init__(self, datasets: Sequence[Dataset], weights: Sequence[float]) -> None:
        if len(datasets) != len(weights):
            raise InputError(f"{len(datasets)} datasets and {len(weights)} weights: expected one weight for each")
        self.mixture = Mixture(weights)
        for dataset in datasets[1:]:
            if dataset.manifest.tokenizer_sha256 != datasets[0].manifest.tokenizer_sha256:
                raise InputError(
                    f"{dataset.folder}: another tokenizer than that of {datasets[0].folder}; expected one tokenizer over "
                    "all sources: prepare them with the same one"
                )
        self.datasets, self.weights = tuple(datasets), tuple(weights)

    @classmethod
    def open(cls, sources: Sequence[tuple[Path, float]], verify_checksums: bool = False) -> Self:
        """Opens the folders of datasets, each with its weight.

        Raises:
            InputError: see `Dataset.open` and above.
            WorkError: a file is missing or damaged.
        """
        opened = [Dataset.open(folder, verify_checksums) for folder, _ in sources]
        return cls(opened, [weight for _, weight in sources])

    @property
    def hash(self) -> str:
        """Identifies what a model sees: the sources, in their order, and the proportions between them."""
        return content_hash(
            {"sources": [dataset.hash for dataset in self.datasets], "weights": list(self.mixture.weights)}
        )

    def batches(self, context: int, batch_size: int, seed: int) -> MixedBatches:
        """Training batches of all sources."""
        return MixedBatches(
            [dataset.tokens("train") for dataset in self.datasets], self.weights, context, batch_size, seed
        )


def _seed_of(source: int, seed: int) -> int:
    # Sources of one length would go through it in one order.
    return int(content_hash(["source", source, seed]), 16) if source else seed
