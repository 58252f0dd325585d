"""Where a search looks: for some options of a recipe a range, or a list of choices."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from scalewright.documents import Part, first_problem
from scalewright.errors import InputError
from scalewright.planning.given import BY_THE_RULES, Given

Value = bool | int | float | str | None
"""Of an option; None: what it is by the rules."""
Values = dict[str, Value]

DIGITS = 4
"""Of a number that is tried: more would tell nothing, and are no pleasure to copy."""
EDGE = 0.05
"""Of a range, at each of its ends."""
_CORNERS = 4096
_WORDS: dict[str, Value] = {"none": None, "true": True, "false": False}
_EXAMPLES = "learning_rate=1e-3..3e-2:log or optimiser=adamw,muon"


class Range(Part):
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float
    log: bool = False
    """Whether equal ratios count alike, not equal differences."""
    whole: bool = False

    @property
    def corners(self) -> tuple[Value, ...]:
        """Its ends."""
        return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)

    def holds(self, value: Value) -> bool:
        """Whether a value lies in it."""
        return isinstance(value, int | float) and self.low <= value <= self.high

    def at_its_end(self, value: Value) -> bool:
        """Whether a value lies within a twentieth of it from an end."""
        assert isinstance(value, int | float)
        low, high, place = (math.log(end) if self.log else end for end in (self.low, self.high, value))
        return not EDGE <= (place - low) / (high - low) <= 1 - EDGE

    def rounded(self, value: Any) -> Value:
        """A number of it, in few digits."""
        return int(value) if self.whole else min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)


class Choices(Part):
    """One of these."""

    values: tuple[Value, ...]

    @property
    def corners(self) -> tuple[Value, ...]:
        """All of them."""
        return self.values

    def holds(self, value: Value) -> bool:
        """Whether it is one of them."""
        return value in self.values

    def at_its_end(self, value: Value) -> bool:
        """A list has none."""
        return False

    def rounded(self, value: Any) -> Value:
        """As it is."""
        chosen: Value = value
        return chosen


class Space(Part):
    """Options by name, each with its range or its choices; every combination makes a recipe."""

    options: dict[str, Range | Choices]

    def check(self, given: Given) -> None:
        """Sees that every combination makes a recipe, over what is given for all of them.

        Raises:
            InputError: one does not.
        """
        for values in itertools.islice(self.corners(), _CORNERS):
            try:
                given.with_values(values)
            except ValidationError as error:
                chosen = ", ".join(f"{name}={value}" for name, value in values.items())
                raise InputError(f"--space: with {chosen}: {error.errors()[0]['ctx']['error']}") from None

    def corners(self) -> Iterator[Values]:
        """Every combination of choices and ends of ranges."""
        for values in itertools.product(*(option.corners for option in self.options.values())):
            yield dict(zip(self.options, values, strict=True))

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether these values lie in it."""
        return all(option.holds(values[name]) for name, option in self.options.items())

    def most(self, name: str, by_the_rules: float) -> float:
        """The largest value of an option that takes numbers, the rules' own included."""
        corners = self.options[name].corners if name in self.options else ()
        return max([by_the_rules, *(float(value) for value in corners if value is not None)])

    def others(self, name: str, by_the_rules: Value) -> set[Value]:
        """All values that an option may have, the rules' own included."""
        corners = self.options[name].corners if name in self.options else ()
        return {by_the_rules, *(by_the_rules if value is None else value for value in corners)}

    @classmethod
    def parse(cls, texts: Sequence[str]) -> "Space":
        """The space of options written as `NAME=LOW..HIGH`, `NAME=LOW..HIGH:log` or `NAME=A,B,C`.

        Raises:
            InputError: a text is none of these, names no option of a recipe or one twice, or its values do not suit it.
        """
        options: dict[str, Range | Choices] = {}
        for text in texts:
            name, _, described = (part.strip() for part in text.partition("="))
            if not (name and described):
                raise InputError(f"--space: found {text!r}, expected {_EXAMPLES}")
            if name not in Given.model_fields:
                raise InputError(
                    f"--space {text}: {name} is none of the options that can be searched: {', '.join(Given.model_fields)}"
                )
            if name in options:
                raise InputError(f"--space {text}: {name} is given twice: leave one out")
            options[name] = _range(name, text, described) if ".." in described else _choices(name, text, described)
        if not options:
            raise InputError(f"--space: missing, expected at least one option with its values, such as {_EXAMPLES}")
        space = cls(options=options)
        space.check(BY_THE_RULES)
        return space


def _range(name: str, text: str, described: str) -> Range:
    ends, _, log = described.partition(":")
    if log not in ("", "log"):
        raise InputError(f"--space {text}: found {log!r} after the range, expected log or nothing")
    first, _, last = ends.partition("..")
    low, high = (_value(name, text, end) for end in (first, last))
    if isinstance(low, bool) or isinstance(high, bool) or not all(isinstance(end, int | float) for end in (low, high)):
        raise InputError(f"--space {text}: {name} takes no numbers: list its values, such as {name}=A,B")
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    if not low < high:
        raise InputError(f"--space {text}: found {low:g} to {high:g}, expected the smaller end first")
    if log and low <= 0:
        raise InputError(
            f"--space {text}: found {low:g} with :log, expected an end above 0: raise it, or leave :log out"
        )
    return Range(low=low, high=high, log=bool(log), whole=isinstance(low, int))


def _choices(name: str, text: str, described: str) -> Choices:
    values = tuple(_value(name, text, part) for part in described.split(","))
    if len(set(values)) != len(values) or len(values) < 2:
        raise InputError(
            f"--space {text}: expected two or more different values; one value for all runs belongs into [recipe] of the "
            "project file"
        )
    return Choices(values=values)


def _value(name: str, text: str, written: str) -> Value:
    """A value as the recipe takes it.

    Raises:
        InputError: the option does not take it.
    """
    value = _read(written.strip())
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"--space {text}: found {written}, expected a finite number")
    try:
        taken: Value = getattr(BY_THE_RULES.with_values({name: value}), name)
    except ValidationError as error:
        raise InputError(f"--space {text}: {first_problem(error)}") from None
    return taken


def _read(written: str) -> Value:
    if written.lower() in _WORDS:
        return _WORDS[written.lower()]
    with suppress(ValueError):
        return int(written)
    with suppress(ValueError):
        return float(written)
    return written
