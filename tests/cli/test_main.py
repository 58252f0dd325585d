"""Commands as a user types them: answers, exit codes, one-line errors."""

import subprocess
import sys

import pytest
import torch
from typer.testing import CliRunner

import scalewright
import scalewright.pipeline
from scalewright.cli import main as command_line
from scalewright.cli.main import app


def run(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "scalewright", *arguments], capture_output=True, text=True, cwd=cwd, timeout=120
    )


def test_wrong_input_is_one_line_and_exit_2(tmp_path):
    answer = run("run", "none.toml", cwd=tmp_path)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr.startswith("error")
    assert "none.toml: no such file" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def call(monkeypatch, capsys):
    """Runs `main` in this process; answers with exit code, standard output and standard error."""

    def run_here(*arguments):
        monkeypatch.setattr(sys, "argv", ["scalewright", *arguments])
        with pytest.raises(SystemExit) as left:
            command_line.main()
        return left.value.code, *capsys.readouterr()

    return run_here


def test_debug_shows_the_traceback_and_leaves_with_the_same_code(call):
    code, out, error = call("--debug", "run", "none.toml")
    assert (code, out) == (2, "")
    assert "Traceback" in error
    assert "none.toml: no such file" in error


def test_ctrl_c_says_that_work_is_kept(call, monkeypatch):
    def interrupted(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(scalewright.pipeline, "run_project", interrupted)
    code, out, error = call("run", "project.toml")
    assert (code, out) == (130, "")
    assert error == "stopped; finished work is kept, the same command goes on from here\n"


@pytest.mark.parametrize("kind", [PermissionError, NotADirectoryError])
def test_a_place_that_cannot_be_written_is_wrong_input(call, monkeypatch, kind):
    def refused(*arguments, **named):
        raise kind(13, "refused", "some/place")

    monkeypatch.setattr(scalewright.pipeline, "run_project", refused)
    code, _, error = call("run", "project.toml")
    assert code == 2
    assert error.startswith("error  some/place: refused; expected a place")


def test_too_little_memory_is_one_line(call, monkeypatch):
    def greedy(*arguments, **named):
        torch.empty(2**47, dtype=torch.uint8)

    monkeypatch.setattr(command_line, "_run", greedy)
    code, _, error = call("run", "project.toml")
    assert code == 1
    assert "too little memory" in error
    assert len(error.strip().splitlines()) == 1


def test_a_defect_is_not_told_as_too_little_memory(monkeypatch):
    def defective(*arguments, **named):
        raise RuntimeError("a defect")

    monkeypatch.setattr(command_line, "_run", defective)
    monkeypatch.setattr(sys, "argv", ["scalewright", "run", "project.toml"])
    with pytest.raises(RuntimeError, match="a defect"):
        command_line.main()


def test_the_light_package_says_what_it_is_without(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    code, out, error = call("train", "plan.json", "--data", "data")
    assert (code, out) == (2, "")
    assert error == "error  torch is not installed: this command needs it: pip install 'scalewright[train]'\n"


def test_init_writes_a_project_once(tmp_path):
    runner = CliRunner()
    first = runner.invoke(app, ["init", str(tmp_path / "new")])
    assert first.exit_code == 0
    assert "edit `data` and `[budget]`" in first.stdout
    assert (tmp_path / "new" / "project.toml").exists()
    again = runner.invoke(app, ["init", str(tmp_path / "new")])
    assert isinstance(again.exception, scalewright.InputError)


def test_no_usable_text_is_exit_2(call, tmp_path):
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "bad.txt").write_bytes(b"\xff\xfe\x00")
    path = tmp_path / "project.toml"
    path.write_text('name = "n"\ndata = ["text"]\n[budget]\nminutes = 1\n')
    code, out, _ = call("run", str(path))
    assert code == 2
    assert out == ""


def test_version():
    assert run("--version").stdout.strip() == f"scalewright {scalewright.__version__}"
