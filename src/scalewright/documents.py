"""Documents: frozen, validated, versioned JSON, each derived number with its reason."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from scalewright.errors import InputError
from scalewright.files import content_hash, write_atomic

Origin = Literal["measured", "fitted", "cited", "derived", "assumed", "given"]


class Part(BaseModel):
    """A frozen piece of a document; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Reason(Part):
    """Why a number is what it is: where it comes from, and the formula, runs or source behind it."""

    origin: Origin
    text: str

    def __str__(self) -> str:
        return f"{self.origin}: {self.text}"


class _Versioned(BaseModel):
    # What every version of every document has.
    schema_version: int = 1


class Document(Part):
    """A document on disk. Subclasses name their kind and raise `VERSION` when a field changes its meaning."""

    KIND: ClassVar[str] = "document"
    VERSION: ClassVar[int] = 1

    schema_version: int = 1

    @property
    def hash(self) -> str:
        """Content hash of the document."""
        return content_hash(self.model_dump(mode="json"))

    def save(self, path: Path) -> None:
        """Writes the document as indented JSON, whole or not at all."""
        write_atomic(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads and validates a document.

        Raises:
            InputError: the file is missing, is not JSON, has a field that does not fit, or another version.
        """
        if not path.is_file():
            raise InputError(f"{path}: no such file; expected a {cls.KIND}")
        text = path.read_bytes()
        try:
            version = _Versioned.model_validate_json(text).schema_version
            if version != cls.VERSION:
                raise InputError(
                    f"{path}: {cls.KIND} of schema_version {version}, this program reads {cls.VERSION}: make it anew"
                )
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise InputError(f"{path}: not a {cls.KIND}: {first_problem(error)}") from None


def flat(nested: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """What mappings within mappings hold, by dotted names that begin with `before`."""
    found: dict[str, Any] = {}
    for name, value in nested.items():
        found |= flat(value, f"{before}{name}.") if isinstance(value, Mapping) else {f"{before}{name}": value}
    return found


def first_problem(error: ValidationError) -> str:
    """The first problem of a validation error in one line: field, message, what was found."""
    problem = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in problem["loc"]) or "document"
    if problem["type"] == "extra_forbidden":
        return f"{field}: not a known field; mend its name or leave it out"
    if problem["type"] == "value_error":
        # Our own words: they say what was found where that helps.
        return f"{field}: {problem['ctx']['error']}"
    found = repr(problem["input"])
    return f"{field}: {problem['msg']} (found {found if len(found) < 80 else found[:77] + '...'})"
