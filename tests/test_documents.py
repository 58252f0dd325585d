"""Documents on disk: round trips, and what is said of broken ones."""

from typing import ClassVar

import pytest

from scalewright.documents import Document, Reason
from scalewright.errors import InputError


class Sample(Document):
    KIND: ClassVar[str] = "sample"
    size: int
    reason: Reason


SAMPLE = Sample(size=3, reason=Reason(origin="measured", text="counted, ±0"))


def test_round_trip(tmp_path):
    SAMPLE.save(tmp_path / "s.json")
    again = Sample.load(tmp_path / "s.json")
    assert again == SAMPLE
    assert again.hash == SAMPLE.hash != SAMPLE.model_copy(update={"size": 4}).hash


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"size": 3', "not a sample"),
        ('{"size": "three", "reason": {"origin": "measured", "text": ""}}', r"size: .* \(found 'three'\)"),
        ('{"size": 3, "reason": {"origin": "dreamt", "text": ""}}', r"reason\.origin"),
        ('{"size": 3, "colour": 1, "reason": {"origin": "cited", "text": ""}}', "colour"),
        ('{"schema_version": 9, "size": 3, "reason": {"origin": "cited", "text": ""}}', "schema_version 9"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, content, said):
    path = tmp_path / "s.json"
    path.write_text(content)
    with pytest.raises(InputError, match=said) as error:
        Sample.load(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


class Nested(Document):
    KIND: ClassVar[str] = "nest"
    samples: tuple[Reason, ...] = ()
    one: Reason | None = None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"smaples": []}', "smaples: not a known field; samples is one"),
        ('{"samples": [{"origin": "cited", "tekst": ""}]}', r"samples\.0\.tekst: not a known field; text is one"),
        ('{"one": {"orign": "cited", "text": ""}}', r"one\.orign: not a known field; origin is one"),
        ('{"colour": 1}', "colour: not a known field; mend its name or leave it out"),
        ('{"one": {"text": ""}}', r"one\.origin: missing"),
    ],
)
def test_what_an_unknown_name_may_have_been_meant_for(tmp_path, content, said):
    (tmp_path / "n.json").write_text(content)
    with pytest.raises(InputError, match=said):
        Nested.load(tmp_path / "n.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.json: no such file; expected a sample"):
        Sample.load(tmp_path / "none.json")


def test_documents_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        SAMPLE.size = 4
