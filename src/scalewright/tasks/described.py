"""A shape that is described by hand."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from scalewright.documents import Part, first_problem
from scalewright.errors import InputError

Described = TypeVar("Described", bound=Part)


def described(kind: type[Described], fields: Mapping[str, Any]) -> Described:
    """The shape with these fields.

    Raises:
        InputError: one is missing, unknown, or does not fit.
    """
    try:
        return kind.model_validate(fields, strict=True)
    except ValidationError as error:
        raise InputError(f"model.{first_problem(error, kind)}") from None
