"""A fitted law: forms with their weights, what it forecasts, and how sure it is."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from scalewright.documents import Document, Part, Reason
from scalewright.errors import InputError
from scalewright.laws.forms import FORMS, Form
from scalewright.laws.runs import UNIQUE, Runs, Standard, column, distance, product
from scalewright.laws.uncertainty import mixture_quantiles

Array = NDArray[np.float64]

_AT_ONCE = 500  # places forecast together: their draws fit the processor's cache


class Prediction(Part):
    """A forecast of one run's loss, in nats per token, with its central interval.

    Attributes:
        extrapolation: N * D over the largest N * D in the data.
    """

    loss: float
    low: float
    high: float
    level: float
    extrapolation: float


class Support(Part):
    """Where the data of a law lie.

    Attributes:
        runs: Rows fitted.
        inputs: Smallest and largest value of each input.
        compute: Largest product of the inputs that are bought, such as N * D.
        rungs: The distinct places, each the inputs in their order.
    """

    runs: int
    inputs: dict[str, tuple[float, float]]
    compute: float
    rungs: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, runs: Runs, still: Sequence[str]) -> Self:
        """Where these runs lie, `still` naming the inputs that are chosen rather than bought."""
        places = {name: values for name, values in runs.inputs.items() if name != UNIQUE}
        return cls(
            runs=len(runs),
            inputs={name: (float(values.min()), float(values.max())) for name, values in places.items()},
            compute=float(product(runs.grown(still)).max()),
            rungs=tuple(sorted(set(zip(*(values.tolist() for values in places.values()), strict=True)))),
        )

    @property
    def params(self) -> tuple[float, float]:
        """Smallest and largest N."""
        return self.inputs["params"]

    @property
    def tokens(self) -> tuple[float, float]:
        """Smallest and largest D."""
        return self.inputs["tokens"]


class FittedForm(Part):
    """One form of a law.

    Attributes:
        name: Its name in the catalogue, `scalewright.laws.FORMS`.
        weight: Its share in the forecast.
        parameters: Most probable values, as people write them.
        discrepancy: Its error in ln loss per e-fold of distance from the data, one standard deviation.
        sigma: Scatter of ln loss about it.
        objective: Sum of Huber(residual / sigma) and of the priors' share at the optimum.
        starts_agreeing: Share of starts that ended there.
        theta: The same values, unconstrained [P].
        sample: Draws of theta [S, P].
    """

    name: str
    weight: float
    parameters: dict[str, float]
    discrepancy: float
    sigma: float
    objective: float
    starts_agreeing: float
    theta: tuple[float, ...]
    sample: tuple[tuple[float, ...], ...]

    @model_validator(mode="after")
    def _of_its_form(self) -> Self:
        form = FORMS.get(self.name)
        if form and any(len(row) != len(form.all) for row in (self.theta, *self.sample)):
            raise ValueError(f"{self.name}: theta and each draw of the sample have {len(form.all)} values")
        return self

    @property
    def form(self) -> Form:
        """The form in the catalogue; raises InputError where the catalogue has none of this name."""
        return catalogued(self.name)

    @cached_property
    def draws(self) -> Array:
        """The sample as an array [S, P]."""
        return np.array(self.sample)


class Law(Document):
    """The loss that size and data buy, fitted to a ladder of runs.

    Attributes:
        form: What was asked for: "auto", or names joined by "+".
        forms: The forms, heaviest first.
        noise: Standard deviation of ln loss from one run to its repeat.
        units: What the forms' unconstrained parameters are measured in.
        support: Where the data lie.
        warnings: What the reader should know before relying on it.
        reasons: Where each number comes from.
    """

    KIND: ClassVar[str] = "law"
    VERSION: ClassVar[int] = 2

    schema_version: int = 2

    form: str
    forms: tuple[FittedForm, ...] = Field(min_length=1)
    noise: float
    units: Standard
    support: Support
    warnings: tuple[str, ...]
    reasons: dict[str, Reason]

    def __repr__(self) -> str:
        forms = " + ".join(f"{form.weight:.2f} {form.name}" for form in self.forms)
        return f"Law({forms}; {self.support.runs} runs, noise {self.noise:.2%})"

    __str__ = __repr__

    @property
    def parameters(self) -> dict[str, float]:
        """Parameters of the heaviest form."""
        return self.forms[0].parameters

    def intervals(self, level: float = 0.9) -> dict[str, tuple[float, float]]:
        """Central intervals of the heaviest form's parameters."""
        tail = (1 - _checked_level(level)) / 2
        natural = self.forms[0].form.parameters(self.forms[0].draws, self.units)
        edges = {name: np.quantile(values, [tail, 1 - tail]) for name, values in natural.items()}
        return {name: (float(low), float(high)) for name, (low, high) in edges.items()}

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the law depends on, in order."""
        return tuple(self.support.inputs)

    def losses(
        self,
        params: ArrayLike | None = None,
        tokens: ArrayLike | None = None,
        unique_tokens: ArrayLike | None = None,
        **others: ArrayLike,
    ) -> Array:
        """Central forecasts in nats; the inputs broadcast, the answer has their common shape.

        The centre is the weighted geometric mean of the forms' most probable losses.
        """
        shape, places = self._places(params, tokens, unique_tokens, others)
        points = self.units.points(places)
        log = sum(
            (fitted.weight * fitted.form.log_loss(np.array([fitted.theta]), points)[0] for fitted in self.forms),
            np.full(len(points), self.units.log["loss"]),
        )
        return np.asarray(np.exp(log) + self.units.zero).reshape(shape)

    def sample(
        self,
        params: ArrayLike | None = None,
        tokens: ArrayLike | None = None,
        unique_tokens: ArrayLike | None = None,
        **others: ArrayLike,
    ) -> Array:
        """Draws [S, ...] of the expected loss, the seed noise of a run left out.

        Each draw is one form, chosen by weight, with its own parameters and its own discrepancy, the same for
        all places: draws may be compared from place to place.
        """
        shape, places = self._places(params, tokens, unique_tokens, others)
        points, away = self.units.points(places), self._distance(places)
        size = len(self.forms[0].sample)
        scores = np.random.default_rng(0).standard_normal(size)
        logs, first = [], 0
        for fitted, count in zip(self.forms, _allotted([f.weight for f in self.forms], size), strict=True):
            discrepancy = fitted.discrepancy * scores[first : first + count, None] * away
            logs.append(fitted.form.log_loss(fitted.draws[:count], points) + discrepancy)
            first += count
        return (np.exp(np.concatenate(logs) + self.units.log["loss"]) + self.units.zero).reshape(size, *shape)

    def predict(
        self,
        params: float | None = None,
        tokens: float | None = None,
        unique_tokens: float | None = None,
        level: float = 0.9,
        **others: float,
    ) -> Prediction:
        """Forecasts the loss of one run, with the central interval at `level`.

        The interval holds what the runs leave open about the parameters (the floor included), the choice
        of form, the forms' discrepancy, which grows with distance from the data, and the noise of the run
        itself.

        Raises:
            InputError: an input is missing, unknown, or not positive and finite, or the level is not between 0 and 1.
        """
        _, places = self._places(params, tokens, unique_tokens, others)
        return self.predictions(places, level)[0]

    def predictions(self, places: Mapping[str, ArrayLike], level: float = 0.9) -> list[Prediction]:
        """Forecasts of many runs at once, as `predict` makes them, from columns [m] by input.

        Raises:
            InputError: as for `predict`.
        """
        tail = (1 - _checked_level(level)) / 2
        checked = self._places(None, None, None, places)[1]
        rows = len(checked[self.inputs[0]])
        if rows > _AT_ONCE:
            parts = [slice(first, first + _AT_ONCE) for first in range(0, rows, _AT_ONCE)]
            return [
                each for p in parts for each in self.predictions({name: v[p] for name, v in checked.items()}, level)
            ]
        points, away = self.units.points(checked), self._distance(checked)
        centre = np.concatenate([f.form.log_loss(f.draws, points) for f in self.forms])
        spread = [np.hypot(self.noise, f.discrepancy * away) for f in self.forms]
        sd = np.concatenate([np.tile(s, (len(f.sample), 1)) for s, f in zip(spread, self.forms, strict=True)])
        weight = np.concatenate([np.full(len(f.sample), f.weight / len(f.sample)) for f in self.forms])
        edges = mixture_quantiles(centre, sd, weight, np.array([tail, 1 - tail]))
        low, high = np.exp(edges + self.units.log["loss"]) + self.units.zero
        losses = self.losses(**checked)
        beyond = product({name: checked[name] for name in self._bought}) / self.support.compute
        return [
            Prediction(
                loss=float(loss),
                low=min(float(low), float(loss)),
                high=max(float(high), float(loss)),
                level=level,
                extrapolation=float(far),
            )
            for loss, low, high, far in zip(losses, low, high, beyond, strict=True)
        ]

    def _places(
        self,
        params: ArrayLike | None,
        tokens: ArrayLike | None,
        unique_tokens: ArrayLike | None,
        others: Mapping[str, ArrayLike],
    ) -> tuple[tuple[int, ...], dict[str, Array]]:
        given = {"params": params, "tokens": tokens, UNIQUE: unique_tokens, **others}
        known = {name: np.asarray(values) for name, values in given.items() if values is not None}
        if known.keys() - {UNIQUE} != set(self.inputs):
            found = ", ".join(known) or "no inputs"
            raise InputError(f"found {found}, expected what the law rests on: {', '.join(self.inputs)}")
        arrays = dict(zip(known, np.broadcast_arrays(*known.values()), strict=True))
        shape = arrays[self.inputs[0]].shape
        return shape, {name: column(name, values) for name, values in arrays.items()}

    @property
    def _bought(self) -> list[str]:
        return [name for name in self.inputs if name not in self.forms[0].form.still]

    def _distance(self, places: Mapping[str, Array]) -> Array:
        rungs = dict(zip(self.inputs, np.array(self.support.rungs).T, strict=True))
        return distance({name: rungs[name] for name in self._bought}, places)


def catalogued(name: str) -> Form:
    """The form of this name; raises InputError where the catalogue has none."""
    if name not in FORMS:
        raise InputError(f"form {name!r} is not in the catalogue: choose auto, {', '.join(FORMS)}")
    return FORMS[name]


def _checked_level(level: float) -> float:
    if not 0 < level < 1:
        raise InputError(f"level: found {level:g}, expected a number between 0 and 1, such as 0.9")
    return level


def _allotted(weights: list[float], size: int) -> list[int]:
    # Largest remainders: the shares of `size` draws that come closest to the weights.
    exact = np.array(weights) * size
    counts = np.floor(exact).astype(int)
    remaining = size - int(counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:remaining]] += 1
    return [int(count) for count in counts]
