"""The rows a law is fitted to: sizes, tokens, losses, checked once at the door."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scalewright.documents import Part
from scalewright.errors import InputError

Array = NDArray[np.float64]


SHARED_NOISE = 2 / 3
"""Share of the variance from run to run that branches of one trunk have in common: correlation of the differences between
two seeds at three horizons, nine pairs of trunks (docs/log.md, 2026-11-24)."""


class Standard(Part):
    """The units a law is fitted in: logarithms of the mean size, the mean tokens and the smallest loss."""

    log_params: float
    log_tokens: float
    log_loss: float

    def points(self, params: Array, tokens: Array, unique_tokens: Array) -> "Points":
        """Where runs lie, in these units."""
        scale = np.exp(self.log_tokens)
        return Points(np.log(params) - self.log_params, tokens / scale, np.minimum(unique_tokens, tokens) / scale)


@dataclass(frozen=True)
class Points:
    """Places on the plane of size and data, in the units of a `Standard`: arrays [n].

    Attributes:
        x: ln(N / N0).
        tokens: D / D0, repeated ones counted.
        unique: U / D0, at most `tokens`.
    """

    x: Array
    tokens: Array
    unique: Array


@dataclass(frozen=True)
class Ladder:
    """Checked rows: arrays [n] of params, tokens, unique tokens (at most tokens), loss in nats, and the number of the trunk
    that a run is a branch of."""

    params: Array
    tokens: Array
    unique: Array
    loss: Array
    trunk: NDArray[np.intp]

    @classmethod
    def checked(
        cls,
        params: ArrayLike,
        tokens: ArrayLike,
        loss: ArrayLike,
        unique_tokens: ArrayLike | None = None,
        trunks: Sequence[object] | None = None,
    ) -> Self:
        """Rows as one ladder; runs with equal labels in `trunks` share a trunk, without labels each is its own.

        Raises:
            InputError: columns differ in length, or a value is not a positive finite number (row counted from
                1).
        """
        columns = {
            "params": column("params", params),
            "tokens": column("tokens", tokens),
            "loss": column("loss", loss),
        }
        columns["unique_tokens"] = (
            columns["tokens"] if unique_tokens is None else column("unique_tokens", unique_tokens)
        )
        labels = list(range(len(columns["loss"]))) if trunks is None else [str(label) for label in trunks]
        given = {"unique_tokens": unique_tokens, "trunks": trunks}
        lengths = {name: len(values) for name, values in columns.items()} | {"trunks": len(labels)}
        lengths = {name: length for name, length in lengths.items() if given.get(name, True) is not None}
        if len(set(lengths.values())) > 1:
            found = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise InputError(f"columns differ in length ({found}): give every run all of its values")
        columns["unique_tokens"] = np.minimum(columns["unique_tokens"], columns["tokens"])
        # In a fixed order, so that no result depends on the order the rows came in.
        order = np.lexsort([columns[name] for name in ("loss", "unique_tokens", "tokens", "params")])
        numbers: dict[object, int] = {}
        trunk = np.array([numbers.setdefault(labels[row], len(numbers)) for row in order], dtype=np.intp)
        ordered = {name: values[order] for name, values in columns.items()}
        return cls(ordered["params"], ordered["tokens"], ordered["unique_tokens"], ordered["loss"], trunk)

    def __len__(self) -> int:
        return len(self.loss)

    @property
    def compute(self) -> Array:
        """N * D of each run [n]."""
        return self.params * self.tokens

    @property
    def repeats_data(self) -> bool:
        """Whether some run sees its tokens more than once."""
        return bool(np.any(self.tokens > self.unique * (1 + 1e-9)))

    @property
    def standard(self) -> Standard:
        """The units this ladder is fitted in."""
        return Standard(
            log_params=float(np.log(self.params).mean()),
            log_tokens=float(np.log(self.tokens).mean()),
            log_loss=float(np.log(self.loss).min()),
        )

    @property
    def rungs(self) -> NDArray[np.intp]:
        """Number of the rung each run belongs to [n]: runs of one size, tokens and unique tokens are
        repeats."""
        places = np.stack([self.params, self.tokens, self.unique], axis=1)
        return np.unique(places, axis=0, return_inverse=True)[1].reshape(-1)

    def take(self, rows: NDArray[np.bool_]) -> "Ladder":
        """The runs chosen by a mask [n]."""
        return Ladder(self.params[rows], self.tokens[rows], self.unique[rows], self.loss[rows], self.trunk[rows])

    def pure_error(self) -> tuple[float, int]:
        """Variance of ln loss within repeated rungs, and its degrees of freedom.

        Branches of one trunk share most of their noise: two trunks that meet in several rungs are one comparison.
        """
        rungs, logs = self.rungs, np.log(self.loss)
        count = np.bincount(rungs)
        squares = float(((logs - (np.bincount(rungs, logs) / count)[rungs]) ** 2).sum())
        repeats = int((count - 1).sum())
        compared = {tuple(sorted(self.trunk[rungs == rung].tolist())) for rung in np.flatnonzero(count > 1)}
        return (squares / repeats if repeats else 0.0), sum(len(trunks) - 1 for trunks in compared)


def distance(params: Array, tokens: Array, to_params: Array, to_tokens: Array) -> Array:
    """How far places [m] lie from the nearest of the runs [n]: |ln N ratio| + |ln D ratio|, in e-folds.

    Beyond the largest rung of a grid this is the ln of the ratio of N * D.
    """
    x = np.abs(np.log(to_params)[:, None] - np.log(params))
    y = np.abs(np.log(to_tokens)[:, None] - np.log(tokens))
    return np.asarray((x + y).min(axis=1))


def levels(values: Array) -> int:
    """How many values differ by more than 5 %: the sizes, or the horizons, of a ladder."""
    count, last = 0, 0.0
    for value in np.sort(values):
        if value > 1.05 * last:
            count, last = count + 1, float(value)
    return count


def column(name: str, values: ArrayLike) -> Array:
    """One column as a float array [n]; raises InputError, with the row, where a value is not positive and
    finite."""
    try:
        array = np.array(values, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        raise InputError(f"{name}: found something that is not a number: give positive numbers only") from None
    bad = np.flatnonzero(~(np.isfinite(array) & (array > 0)))
    if len(bad):
        raise InputError(
            f"{name}, row {bad[0] + 1}: found {array[bad[0]]:g}, expected a positive finite number: "
            "mend the row or leave it out"
        )
    return array
