"""What options say of a law's inputs: names, and numbers as people write them."""

import math
import re
from collections.abc import Mapping, Sequence

from scalewright.errors import InputError
from scalewright.where import SUFFIXES, shown

LARGEST = 1e60
"""Of any input or loss, and its inverse the smallest: beyond every run, while products of several are still numbers."""

_PREFIXES = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_MEMORY = re.compile(r"([0-9.eE+-]+)\s*(?:([KMGT])(I?))?B?", re.IGNORECASE)

_OWN = frozenset({"params", "tokens", "unique_tokens", "compute", "loss"})
_SUFFIXED = re.compile(rf"(.*[0-9.])([{''.join(SUFFIXES)}])")


def refuse_unknown(given: Mapping[str, object], inputs: Sequence[str]) -> None:
    """Raises InputError where something is given that a law in these inputs does not depend on."""
    unknown = [name for name in given if name not in inputs]
    if unknown:
        raise InputError(
            f"{option(unknown[0])}: the law does not depend on {unknown[0]}, only on {', '.join(inputs)}: leave it out"
        )


def refuse_others(option: str, text: str, names: Sequence[str]) -> None:
    """Raises InputError where an option says none of the words that it knows."""
    if text not in names:
        raise InputError(f"{option}: found {text!r}, expected one of {', '.join(names)}")


def option(name: str, value: str = "") -> str:
    """The option that gives an input of this name, with what it gives."""
    if name in _OWN:
        return f"--{name.replace('_', '-')} {value}".rstrip()
    return f"--input {name}={value or '...'}"


def pairs(texts: Sequence[str]) -> dict[str, str]:
    """What `--input NAME=...` says, by name.

    Raises:
        InputError: a text is no such pair, or a name comes twice or has an option of its own.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, _, value = (part.strip() for part in text.partition("="))
        if not (name and value):
            raise InputError(f"--input: found {shown(text)}, expected NAME=... such as learning_rate=3e-4")
        if name in _OWN:
            raise InputError(f"--input {text}: {name} has an option of its own: write --{name.replace('_', '-')}")
        if name in found:
            raise InputError(f"--input: {name} is given twice: leave one out")
        found[name] = value
    return found


def positive(option: str, text: str) -> float:
    """A positive number, also one as 70B or 1.4T.

    Raises:
        InputError: it is anything else.
    """
    suffixed = _SUFFIXED.fullmatch(text.strip())
    try:
        number = float(suffixed[1] + SUFFIXES[suffixed[2]] if suffixed else text)
    except ValueError:
        number = math.nan
    if not 1 / LARGEST < number < LARGEST or "_" in text:
        raise InputError(f"{option}: found {shown(text)}, expected a positive number such as 7e9, 70B or 1.4T")
    return number


def gigabytes(option: str, text: str) -> float:
    """An amount of memory in GB: a bare number, or one with its unit, as 20MB or 1.5 GiB.

    Raises:
        InputError: it is anything else.
    """
    matched = _MEMORY.fullmatch(text.strip())
    if not matched:
        raise InputError(f"{option}: found {shown(text)}, expected an amount of memory such as 16 (GB), 20MB or 1.5GiB")
    number = positive(option, matched[1])
    if text.strip() == matched[1]:
        return number
    return number * (1024.0 if matched[3] else 1000.0) ** _PREFIXES[(matched[2] or "").upper()] / 1e9


def place(inputs: Sequence[str], given: Mapping[str, str | None], unique_tokens: str | None = None) -> dict[str, float]:
    """A place of a law in these inputs, as numbers.

    Raises:
        InputError: an input is missing, is not one of the law, or is not a positive number.
    """
    texts = {name: text for name, text in given.items() if text is not None}
    refuse_unknown(texts, inputs)
    for name in inputs:
        if name not in texts:
            raise InputError(f"{option(name)} is missing: the law depends on {', '.join(inputs)}")
    if unique_tokens is not None:
        refuse_unknown({"tokens": unique_tokens}, inputs)
        texts["unique_tokens"] = unique_tokens
    return {name: positive(option(name).removesuffix("=..."), text) for name, text in texts.items()}
