"""The rows a law is fitted to: what was bought, and the loss it bought, checked once at the door."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scalewright.documents import Part
from scalewright.errors import InputError

Array = NDArray[np.float64]

UNIQUE = "unique_tokens"

UNITLESS = frozenset(
    {"experts", "branches", "density", "bits", "weight_bits", "activation_bits", "cache_bits", "group"}
)
"""Inputs that are counts or shares: laws speak of the numbers themselves, not of ratios to their mean."""

LOSSES = frozenset({"teacher_loss", "student_loss"})
"""Inputs that are losses, in the unit of the loss that is fitted."""

_NARROW = 32  # cells along an input, at least, within which runs may be averaged

SHARED_NOISE = 2 / 3
"""Share of the variance from run to run that branches of one trunk have in common: correlation of the differences between
two seeds at three horizons, nine pairs of trunks (docs/log.md, 2026-11-24)."""


class Standard(Part):
    """The units a law is fitted in.

    Attributes:
        log: Logarithms of the geometric mean of each input and of the smallest loss.
        zero: What losses are measured from.
    """

    log: dict[str, float]
    zero: float = 0.0

    @classmethod
    def of(cls, inputs: Mapping[str, Array], loss: float = 1.0, zero: float = 0.0) -> Self:
        """The units of runs at these places, the smallest loss among them being `loss` above `zero`."""
        logs = {name: _centre(name, values, loss) for name, values in inputs.items() if name != UNIQUE}
        return cls(log=logs | {"loss": float(np.log(loss))}, zero=zero)

    def points(self, inputs: Mapping[str, Array]) -> "Points":
        """Where runs lie, in these units."""
        log = {name: np.log(inputs[name]) - centre for name, centre in self.log.items() if name != "loss"}
        unique = inputs.get(UNIQUE)
        if unique is None or "tokens" not in log or np.all(unique >= inputs["tokens"]):
            return Points(log, None)
        return Points(log, np.minimum(np.log(unique) - self.log["tokens"], log["tokens"]))


@dataclass(frozen=True)
class Points:
    """Places in the units of a `Standard`.

    Attributes:
        log: ln of each input, arrays [n].
        unique: ln of the unique tokens [n], at most those of the tokens; None where no token is repeated.
    """

    log: Mapping[str, Array]
    unique: Array | None

    def __len__(self) -> int:
        return len(next(iter(self.log.values())))

    def take(self, rows: NDArray[np.intp]) -> "Points":
        """The places at these positions."""
        log = {name: values[rows] for name, values in self.log.items()}
        return Points(log, None if self.unique is None else self.unique[rows])


@dataclass(frozen=True)
class Runs:
    """Checked rows.

    Attributes:
        inputs: Arrays [n] by name, such as "params", "tokens"; "unique_tokens" only where some run repeats tokens.
        loss: In nats above `zero` [n].
        trunk: Number of the trunk that a run is a branch of [n].
        zero: What losses are measured from: below 0 where losses are, as those above a unigram model's.
    """

    inputs: Mapping[str, Array]
    loss: Array
    trunk: NDArray[np.intp]
    zero: float = 0.0

    @classmethod
    def checked(
        cls,
        inputs: Mapping[str, ArrayLike],
        loss: ArrayLike,
        trunks: Sequence[object] | None = None,
        zero: float = 0.0,
    ) -> Self:
        """Rows as they come; runs with equal labels in `trunks` share a trunk, without labels each is its own.

        Raises:
            InputError: there are no rows, columns differ in length, or a value is not a positive finite number (row
                counted from 1).
        """
        columns = {name: column(name, values) for name, values in inputs.items()}
        columns["loss"] = column("loss", loss, zero) - zero
        rows = len(columns["loss"])
        if not rows:
            raise InputError("no runs: found empty columns, expected a row for each run")
        lengths = {name: len(values) for name, values in columns.items()}
        lengths["trunks"] = rows if trunks is None else len(trunks)
        if len(set(lengths.values())) > 1:
            lengths = {name: n for name, n in lengths.items() if name != "trunks" or trunks is not None}
            found = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise InputError(f"columns differ in length ({found}): give every run all of its values")
        if UNIQUE in columns:
            columns[UNIQUE] = np.minimum(columns[UNIQUE], columns["tokens"])
            if np.all(columns[UNIQUE] >= columns["tokens"] * (1 - 1e-9)):
                del columns[UNIQUE]
        # In a fixed order, so that no result depends on the order the rows came in.
        order = np.lexsort([columns[name] for name in reversed(columns)])
        trunk = np.arange(rows) if trunks is None else _numbered([str(trunks[row]) for row in order])
        measured = columns.pop("loss")[order]
        return cls({name: values[order] for name, values in columns.items()}, measured, trunk, zero)

    def __len__(self) -> int:
        return len(self.loss)

    def grown(self, still: Sequence[str] = ()) -> dict[str, Array]:
        """The inputs that are bought: all but repeated tokens and those that are chosen."""
        return {name: values for name, values in self.inputs.items() if name != UNIQUE and name not in still}

    @property
    def repeats_data(self) -> bool:
        """Whether some run sees its tokens more than once."""
        return UNIQUE in self.inputs

    @property
    def standard(self) -> Standard:
        """The units these runs are fitted in."""
        return Standard.of(self.inputs, float(self.loss.min()), self.zero)

    @property
    def rungs(self) -> NDArray[np.intp]:
        """Number of the rung each run belongs to [n]: runs with equal inputs are repeats."""
        places = np.stack(list(self.inputs.values()), axis=1)
        return np.unique(places, axis=0, return_inverse=True)[1].reshape(-1)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> "Runs":
        """The runs chosen by a mask [n] or by positions."""
        inputs = {name: values[rows] for name, values in self.inputs.items()}
        return Runs(inputs, self.loss[rows], self.trunk[rows], self.zero)

    def condensed(self, most: int) -> "Runs":
        """At most about `most` runs that stand for all.

        In one or two inputs each is the geometric mean of those in one cell of a grid in logarithms of the inputs, so narrow
        that no law bends within it; in more inputs, where cells would be wide, runs drawn at random. All count as trunks of
        their own.
        """
        logs = {name: np.log(values) for name, values in self.inputs.items()}
        bins = int(most ** (1 / len(logs)))
        if bins < _NARROW:
            drawn = self.take(np.sort(np.random.default_rng(0).choice(len(self), most, replace=False)))
            return replace(drawn, trunk=np.arange(most))
        cell = np.zeros(len(self), dtype=np.intp)
        for values in logs.values():
            low, width = values.min(), np.ptp(values) or 1.0
            cell = cell * bins + np.minimum((bins * (values - low) / width).astype(np.intp), bins - 1)
        place = np.unique(cell, return_inverse=True)[1].reshape(-1)
        count = np.bincount(place)
        mean = {name: np.exp(np.bincount(place, values) / count) for name, values in logs.items()}
        loss = np.exp(np.bincount(place, np.log(self.loss)) / count)
        return Runs(mean, loss, np.arange(len(count)), self.zero)

    def pure_error(self) -> tuple[float, int]:
        """Variance of ln loss within repeated rungs, and its degrees of freedom.

        Branches of one trunk share most of their noise: two trunks that meet in several rungs are one comparison.
        """
        rungs, logs = self.rungs, np.log(self.loss)
        count = np.bincount(rungs)
        repeats = int((count - 1).sum())
        if not repeats:
            return 0.0, 0
        squares = float(((logs - (np.bincount(rungs, logs) / count)[rungs]) ** 2).sum())
        compared = {tuple(sorted(self.trunk[rungs == rung].tolist())) for rung in np.flatnonzero(count > 1)}
        return squares / repeats, sum(len(trunks) - 1 for trunks in compared)


def _numbered(labels: Sequence[str]) -> NDArray[np.intp]:
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels], dtype=np.intp)


def _centre(name: str, values: Array, loss: float) -> float:
    return 0.0 if name in UNITLESS else float(np.log(loss)) if name in LOSSES else float(np.log(values).mean())


def product(grown: Mapping[str, Array]) -> Array:
    """What runs cost, [n], up to a factor: the product of what was bought."""
    return np.exp(sum(np.log(values) for values in grown.values()))


def distance(grown: Mapping[str, Array], to: Mapping[str, Array]) -> Array:
    """How far places [m] lie from the nearest of the runs [n]: sum of |ln ratio| over the inputs, in e-folds.

    Beyond the largest rung of a grid this is the ln of the ratio of the products.
    """
    return np.asarray(distances(grown, to).min(axis=1))


def distances(grown: Mapping[str, Array], to: Mapping[str, Array]) -> Array:
    """How far each of the places [m] lies from each of the runs [n], [m, n], in e-folds."""
    return np.asarray(sum(np.abs(np.log(to[name])[:, None] - np.log(values)) for name, values in grown.items()))


def level_of(values: Array, tolerance: float = 0.05) -> NDArray[np.intp]:
    """Number of the level of each value [n], from the smallest up; those within `tolerance` of a level's smallest are of it."""
    kinds, position = np.unique(values, return_inverse=True)
    level, first, number = np.zeros(len(kinds), dtype=np.intp), 0.0, -1
    for place, value in enumerate(kinds.tolist()):
        if value > (1 + tolerance) * first:
            first, number = value, number + 1
        level[place] = number
    return level[position.reshape(-1)]


def levels(values: Array) -> int:
    """How many values differ by more than 5 %: the sizes, or the horizons, of a ladder."""
    return int(level_of(values).max()) + 1


def column(name: str, values: ArrayLike, above: float = 0.0) -> Array:
    """One column as a float array [n]; raises InputError, with the row, where a value is not finite and above a number."""
    try:
        array = np.array(values, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        raise InputError(f"{name}: found something that is not a number: give positive numbers only") from None
    bad = np.flatnonzero(~(np.isfinite(array) & (array > above)))
    if len(bad):
        wanted = "positive finite number" if above == 0 else f"finite number above {above:g}"
        raise InputError(
            f"{name}, row {bad[0] + 1}: found {array[bad[0]]:g}, expected a {wanted}: mend the row or leave it out"
        )
    return array
