"""Documents: frozen, validated, versioned JSON, each derived number with its reason."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, get_args

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
            raise InputError(f"{path}: not a {cls.KIND}: {first_problem(error, cls)}") from None


def flat(nested: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """What mappings within mappings hold, by dotted names that begin with `before`."""
    found: dict[str, Any] = {}
    for name, value in nested.items():
        found |= flat(value, f"{before}{name}.") if isinstance(value, Mapping) else {f"{before}{name}": value}
    return found


def first_problem(error: ValidationError, kind: type[BaseModel] | None = None) -> str:
    """The first problem of a validation error in one line: field, message, what was found; where `kind` was expected, also what
    an unknown field may have been meant for."""
    problems = error.errors(include_url=False)
    # A name that is mistyped is why another is missing.
    problem = next((each for each in problems if each["type"] == "extra_forbidden"), problems[0])
    *within, last = problem["loc"] or ("",)
    field = ".".join(map(str, problem["loc"]))
    before = f"{field}: " if field else ""
    if problem["type"] == "extra_forbidden":
        near = get_close_matches(str(last), _fields(kind, within), 1)
        return f"{before}not a known field; " + (f"{near[0]} is one" if near else "mend its name or leave it out")
    if problem["type"] == "value_error":
        # Our own words: they say what was found where that helps.
        return f"{before}{problem['ctx']['error']}"
    if problem["type"] == "missing":
        return f"{before}missing"
    found = repr(problem["input"])
    return f"{before}{problem['msg']} (found {found if len(found) < 80 else found[:77] + '...'})"


def _fields(kind: Any, within: Sequence[str | int]) -> list[str]:
    """Names of the fields of the part that lies `within` a document of a kind."""
    for name in within:
        if isinstance(name, str):
            kind = getattr(kind, "model_fields", {}).get(name)
            kind = kind and kind.annotation
        # One of a list, or where there is none at all.
        kind = next((each for each in (kind, *get_args(kind)) if hasattr(each, "model_fields")), kind)
    return list(getattr(kind, "model_fields", ()))
