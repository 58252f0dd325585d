"""Project files: what is written is read, and what is wrong is said."""

import pytest

from scalewright.data import WeightedSource
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


@pytest.mark.parametrize("name", ["two\nlines", "tab\t", "back\\slash", "\x01\x7f", "é 文 🎈", '"'])
def test_every_name_is_written_so_that_it_is_read_back(tmp_path, name):
    path = tmp_path / "project.toml"
    write_project(path, name=name, data=name)
    assert (Project.load(path).name, Project.load(path).data) == (name, (name,))


def test_init_refuses_what_run_would(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="found a file, expected a folder"):
        write_project(tmp_path / "file" / "project.toml", name="n", data="d")
    for minutes in (0, -5, float("nan"), float("inf")):
        with pytest.raises(InputError, match="minutes: found"):
            write_project(tmp_path / "project.toml", name="n", data="d", minutes=minutes)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_seeds_leave_room_for_those_of_repeats(tmp_path):
    path = tmp_path / "project.toml"
    path.write_text(f"seed = {2**63 - 2}\n{GOOD}")
    with pytest.raises(InputError, match="seed"):
        Project.load(path)


@pytest.mark.parametrize(("unit", "seconds"), [("minutes = 2", 120), ("hours = 0.5", 1800), ("days = 1", 86400)])
def test_times(tmp_path, unit, seconds):
    path = tmp_path / "project.toml"
    path.write_text(GOOD.replace("minutes = 5", unit))
    assert Project.load(path).budget.seconds == seconds


def test_trackers_are_one_or_several(tmp_path):
    path = tmp_path / "project.toml"
    for written, read in (
        ("", ()),
        ('[tracking]\nto = "wandb:n"\n', ("wandb:n",)),
        ('[tracking]\nto = ["tensorboard:logs", "mlflow:http://there"]\n', ("tensorboard:logs", "mlflow:http://there")),
    ):
        path.write_text(GOOD + written)
        assert Project.load(path).tracking.to == read


def test_settings_of_the_recipe_are_given(tmp_path):
    path = tmp_path / "project.toml"
    path.write_text(GOOD)
    assert Project.load(path).recipe.values == {}
    path.write_text(GOOD + '[recipe]\nlearning_rate = 0.02\nweight_decay = 0\noptimiser = "muon"\n')
    assert Project.load(path).recipe.values == {"learning_rate": 0.02, "weight_decay": 0.0, "optimiser": "muon"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("minutes = 5", ""), "give one of minutes, hours, days, flops; found none"),
        (("minutes = 5", "minutes = 5\nhours = 1"), r"budget: give one of .*; found minutes and hours$"),
        (("minutes = 5", "minutes = -5"), "budget.minutes"),
        (("minutes = 5", 'minutes = "five"'), "budget.minutes"),
        (("minutes = 5", 'minutes = "5"'), "budget.minutes"),
        (('data = ["a.txt"]', "data = []"), "data"),
        (('name = "n"', ""), "name"),
        (('name = "n"', 'name = "n"\ncolour = "red"'), "colour: not a known field"),
        (('name = "n"', 'name = "n"\ntask = "chess"'), "task: found 'chess', expected one of language"),
        (
            ("[budget]", '[tracking]\nto = "comet:x"\n[budget]'),
            "tracking.to: tracker 'comet:x': expected one of mlflow:URI",
        ),
        (("[budget]", '[tracking]\nto = ["none", 3]\n[budget]'), "tracking.to.1"),
        (("[budget]", "[tracking]\nat = 3\n[budget]"), "tracking.at: not a known field"),
        (("[budget]", "[recipe]\nbatch_size = 3\n[budget]"), "recipe.batch_size: not a known field"),
        (
            ("[budget]", "[recipe]\nlearning_rate = -3\n[budget]"),
            "recipe.learning_rate: Input should be greater than 0",
        ),
        (
            ("[budget]", '[recipe]\noptimiser = "sgd"\nmomentum = 0\n[budget]'),
            "recipe: nesterov: found it with momentum 0",
        ),
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
    with pytest.raises(InputError, match=r"a folder, expected a project file such as .*project\.toml"):
        Project.load(tmp_path)
    path = tmp_path / "project.toml"
    path.write_bytes(b"name = \xff")
    with pytest.raises(InputError, match="not UTF-8"):
        Project.load(path)


TWO = (
    'name = "n"\n[[source]]\nname = "novels"\ndata = ["a.txt"]\nweight = 0.7\n[[source]]\ndata = ["b", "c"]\nweight = 2\n'
    "[budget]\nminutes = 5\n"
)


def test_sources_with_weights(tmp_path):
    path = tmp_path / "project.toml"
    path.write_text(TWO)
    assert Project.load(path).text == [
        WeightedSource("novels", ("a.txt",), 0.7),
        WeightedSource("source-2", ("b", "c"), 2),
    ]
    path.write_text(GOOD)
    assert Project.load(path).text == ("a.txt",)


def test_the_mixture_that_init_explains_is_one(tmp_path):
    path = tmp_path / "project.toml"
    write_project(path, name="n", data="d")
    lines = path.read_text().splitlines()
    begin, end = lines.index("# [[source]]"), lines.index("[budget]                 # one of them for the final run: "
                                                          "minutes, hours, days or flops")  # fmt: skip
    shown = [line.removeprefix("# ") if begin <= place < end else line for place, line in enumerate(lines)]
    path.write_text("\n".join(line for line in shown if not line.startswith('data = ["d"]')))
    assert [(source.name, source.weight) for source in Project.load(path).text] == [("novels", 0.7), ("code", 0.3)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('name = "n"', 'name = "n"\ndata = ["d"]'), r"found data and \[\[source\]\]"),
        (("weight = 2", "weight = 0"), r"source.1.weight: .*greater than 0"),
        (("weight = 2", "weight = -1"), r"source.1.weight"),
        (("weight = 2", "weight = inf"), r"source.1.weight"),
        (("weight = 2", 'weight = "2"'), r"source.1.weight"),
        (("weight = 2", "weight = true"), r"source.1.weight"),
        (("weight = 2", ""), r"source.1.weight: missing"),
        (("weight = 2", "weight = 0.123456789"), "source: weights .*: write them with fewer digits"),
        (("weight = 2", "wieght = 2\nweight = 2"), r"source.1.wieght: not a known field"),
        (('data = ["b", "c"]', "data = []"), r"source.1.data"),
        (('data = ["b", "c"]', 'data = ["b"]\nname = "novels"'), r"source: source 'novels': 2 have this name"),
        (('name = "novels"', 'name = "no vels"'), r"source: source 'no vels': expected a name"),
    ],
)
def test_wrong_sources_are_named(tmp_path, change, said):
    path = tmp_path / "project.toml"
    path.write_text(TWO.replace(*change))
    with pytest.raises(InputError, match=said) as error:
        Project.load(path)
    assert "\n" not in str(error.value)
    path.write_text('name = "n"\n[budget]\nminutes = 5\n')
    with pytest.raises(InputError, match=r"no text: give data"):
        Project.load(path)
