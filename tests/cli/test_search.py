"""`search` refuses what is no search before anything is done."""

import pytest

GOOD = 'name = "n"\ndata = ["*.txt"]\n[budget]\nminutes = 5\n'


@pytest.fixture
def project(tmp_path):
    path = tmp_path / "project.toml"
    path.write_text(GOOD)
    return path


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--space", "clip"], "--space: found 'clip', expected learning_rate=1e-3..3e-2:log"),
        (["--space", "batch_size=4,8"], "batch_size is none of the options that can be searched"),
        (["--space", "clip=1,2", "--pruner", "mean"], "--pruner mean: expected one of median, halving, none"),
        (["--space", "clip=1,2", "--params", "many"], "--params: found 'many', expected a positive number"),
    ],
)
def test_wrong_options(refusal, project, options, said):
    assert said in refusal("search", project, *options)
    assert [file.name for file in project.parent.iterdir()] == [project.name]


def test_a_missing_project(refusal, tmp_path):
    assert "no such file" in refusal("search", tmp_path / "none.toml", "--space", "clip=1,2")


def test_a_search_needs_a_space_and_two_trials(call, project):
    for options in ([], ["--space", "clip=1,2", "--trials", "1"]):
        code, out, error = call("search", project, *options)
        assert (code, out) == (2, "")
        assert "--space" in error or "--trials" in error
