"""Windows of tokens: in an order drawn anew each epoch for training, in their own for evaluation."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scalewright.data.epochs import Epochs
from scalewright.data.shares import rows_of
from scalewright.errors import InputError


class TokenSequence(Protocol):
    """What windows are cut from: an array of token ids or a `TokenStream`."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: slice, /) -> Any: ...


class Batches:
    """Deterministic training batches, each a pure function of its step: resuming needs no state.

    The tokens are cut into windows of `context` + 1 tokens at a stride of `context`: the last target of a
    window is the first input of the next, so each token but the first is a target once an epoch. Each epoch
    goes through all windows in an order that the seed and the epoch decide; batches go on across the border
    of epochs.

    Args:
        tokens: the training split.
        context: tokens that a window predicts.
        batch_size: windows in a batch.
        seed: decides the orders.
        unique_tokens: repeat so many tokens only: the windows with which the first epoch over all tokens begins,
            so that runs with and without repetition see the same until it sets in. All tokens by default.

    Raises:
        InputError: there are fewer tokens than `unique_tokens` asks for, or than one window holds.
    """

    def __init__(
        self,
        tokens: TokenSequence,
        context: int,
        batch_size: int,
        seed: int,
        unique_tokens: int | None = None,
    ) -> None:
        if unique_tokens is not None and unique_tokens > len(tokens):
            raise InputError(f"{unique_tokens:,} unique tokens asked for, the data hold {len(tokens):,}: ask for fewer")
        self.tokens, self.context, self.batch_size, self.seed = tokens, context, batch_size, seed
        unique = None if unique_tokens is None else _windows_in(unique_tokens + 1, context)
        self._epochs = Epochs(_windows_in(len(tokens), context), seed, unique)
        self.windows = len(self._epochs)

    def batch(self, step: int, first: int = 0, count: int | None = None) -> NDArray[np.int64]:
        """The batch of a step, counted from 0, or `count` of its rows from row `first` on: a rank's share of it.

        Returns:
            [batch_size or count, context + 1]: inputs and what follows them. Shares that follow on one another make
            up the whole batch.

        Raises:
            IndexError: the batch has no such rows.
        """
        share = rows_of(self.batch_size, first, count)
        return self.rows(step * self.batch_size + share.start, len(share))

    def rows(self, start: int, count: int) -> NDArray[np.int64]:
        """Row `start` of all that batches come to, and those behind it; [count, context + 1]."""
        rows = np.empty((count, self.context + 1), dtype=np.int64)
        for row, window in enumerate(self._epochs.places(start, count)):
            begin = int(window) * self.context
            rows[row] = self.tokens[begin : begin + self.context + 1]
        return rows


def windows(tokens: TokenSequence, context: int, limit_tokens: int) -> NDArray[np.int64]:
    """Windows for evaluation, in order; [n, context + 1] with n * context <= `limit_tokens` distinct targets.

    Raises:
        InputError: there are fewer tokens than one window holds.
    """
    count = _windows_in(min(len(tokens), limit_tokens + 1), context)
    flat = np.asarray(tokens[0 : count * context + 1], dtype=np.int64)
    return np.lib.stride_tricks.sliding_window_view(flat, context + 1)[::context].copy()


def _windows_in(tokens: int, context: int) -> int:
    if tokens < context + 1:
        raise InputError(
            f"{tokens:,} tokens do not fill one window of context {context} + 1: use more text or a shorter context"
        )
    return (tokens - 1) // context
