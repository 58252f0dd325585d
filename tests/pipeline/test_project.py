"""Project files: what is written is read, and what is wrong is said."""

import pytest

from scalewright.errors import InputError
from scalewright.pipeline import Project, write_project

GOOD = 'name = "n"\ndata = ["a.txt"]\n[budget]\nminutes = 5\n'


def test_what_init_writes_is_a_project(tmp_path):
    path = tmp_path / "project.toml"
    write_project(path, name='a "quoted" name', data="books/*.txt", minutes=3)
    project = Project.load(path)
    assert project.name == 'a "quoted" name'
    assert project.data == ("books/*.txt",)
    assert project.budget.seconds == 180
    with pytest.raises(InputError, match="exists already"):
        write_project(path, name="n", data="d")


@pytest.mark.parametrize(("unit", "seconds"), [("minutes = 2", 120), ("hours = 0.5", 1800), ("days = 1", 86400)])
def test_times(tmp_path, unit, seconds):
    path = tmp_path / "project.toml"
    path.write_text(GOOD.replace("minutes = 5", unit))
    assert Project.load(path).budget.seconds == seconds


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("minutes = 5", ""), "give one of minutes, hours, days, flops; found none"),
        (("minutes = 5", "minutes = 5\nhours = 1"), "found minutes and hours"),
        (("minutes = 5", "minutes = -5"), "budget.minutes"),
        (("minutes = 5", 'minutes = "five"'), "budget.minutes"),
        (('data = ["a.txt"]', "data = []"), "data"),
        (('name = "n"', ""), "name"),
        (('name = "n"', 'name = "n"\ncolour = "red"'), "colour"),
        (('name = "n"', 'name = "n"\ntask = "chess"'), "expected one of language"),
        (('name = "n"', 'name = "n'), "not TOML"),
    ],
)
def test_wrong_files_are_named_with_the_field(tmp_path, change, said):
    path = tmp_path / "project.toml"
    path.write_text(GOOD.replace(*change))
    with pytest.raises(InputError, match=said) as error:
        Project.load(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        Project.load(tmp_path / "none.toml")
    path = tmp_path / "project.toml"
    path.write_bytes(b"name = \xff")
    with pytest.raises(InputError, match="not UTF-8"):
        Project.load(path)
