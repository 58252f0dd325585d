"""TOML files, read and checked."""

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from scalewright.documents import Part, first_problem
from scalewright.errors import InputError

Content = TypeVar("Content", bound=Part)


def read_toml(path: Path, kind: type[Content]) -> Content:
    """What a TOML file holds.

    Raises:
        InputError: it is not readable, is not TOML, or a field does not fit.
    """
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"{path}: not readable ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not TOML: {error}") from None
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{path}: {first_problem(error, kind)}") from None
