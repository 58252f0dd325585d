"""A stage is run again when its inputs change, and only then."""

from typing import ClassVar

import pytest

from scalewright.documents import Document
from scalewright.errors import InputError
from scalewright.pipeline.stages import Stages


class Number(Document):
    KIND: ClassVar[str] = "number"
    value: int


def test_run_once_per_inputs(tmp_path):
    made = []

    def make(value):
        def run():
            made.append(value)
            return Number(value=value)

        return run

    for inputs, value, expected in (([1], 5, 5), ([1], 6, 5), ([2], 7, 7), ([1], 8, 8)):
        assert Stages(tmp_path).document("number", Number, inputs, make(value)).value == expected
    assert made == [5, 7, 8]


def test_what_does_not_stand_is_made_again(tmp_path):
    for value, least, expected in ((1, 1, 1), (2, 1, 1), (3, 2, 3), (4, 3, 3)):
        made = Stages(tmp_path).document(
            "number",
            Number,
            [1],
            lambda value=value: Number(value=value),
            stands=lambda found, least=least: found.value >= least,
        )
        assert made.value == expected


def test_a_deleted_document_is_made_again(tmp_path):
    Stages(tmp_path).document("number", Number, [1], lambda: Number(value=1))
    (tmp_path / "number.json").unlink()
    assert Stages(tmp_path).document("number", Number, [1], lambda: Number(value=2)).value == 2


def test_a_deleted_product_is_made_again_and_times_stay(tmp_path):
    product = tmp_path / "report.html"

    def make():
        product.write_text("x")
        return Number(value=1)

    Stages(tmp_path).document("number", Number, [1], make, [product])
    product.unlink()
    stages = Stages(tmp_path)
    stages.document("number", Number, [1], make, [product])
    assert product.exists()
    stages._record["number"]["seconds"] = 5.0
    stages.finish("number", [1])
    assert stages.seconds == 5.0


@pytest.mark.parametrize("text", ["{", "[]", '{"law": {}}', '{"law": {"inputs": "a", "seconds": "soon"}}', "null"])
def test_a_damaged_record_is_named(tmp_path, text):
    (tmp_path / "stages.json").write_text(text)
    with pytest.raises(InputError, match=r"stages\.json: damaged; delete it"):
        Stages(tmp_path)


class NewerNumber(Number):
    VERSION: ClassVar[int] = 2
    schema_version: int = 2


def test_a_document_of_an_older_version_is_made_again(tmp_path):
    Stages(tmp_path).document("number", Number, [1], lambda: Number(value=1))
    assert Stages(tmp_path).document("number", NewerNumber, [1], lambda: NewerNumber(value=2)).value == 2
    with pytest.raises(InputError, match="number of schema_version 2, this program reads 1"):
        Number.load(tmp_path / "number.json")
