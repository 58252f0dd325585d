"""What is told where there is no terminal."""

import io

import pytest
from rich.console import Console

from scalewright.cli import terminal
from scalewright.cli.terminal import TerminalWatch


@pytest.fixture
def told(monkeypatch):
    """The words of each line that is printed when progress is heard at some seconds: (seconds, done, total, what)."""

    def listen(*heard):
        now = [0.0]
        monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
        watched = TerminalWatch(Console(file=io.StringIO(), width=80))
        watched.stage("train", "a model")
        for now[0], done, total, what in heard:
            watched.progress(done, total, what)
        _, *lines = watched.console.file.getvalue().splitlines()
        return [line.split() for line in lines]

    return listen


def test_time_left_counts_what_is_done_since_the_stage_went_on(told):
    # Gone on with at 40 of 100; 10 more take 20 s, so that 50 take 100 s.
    assert told((0, 40, 100, "steps"), (20, 50, 100, "steps")) == [["50%", "steps", "about", "100", "s", "left"]]


def test_a_second_count_in_one_stage_begins_anew(told):
    # 200 of 1000 in 20 s.
    heard = (0, 0, 100, "search"), (30, 90, 100, "search"), (30, 0, 1000, "rungs"), (50, 200, 1000, "rungs")
    assert told(*heard)[-1] == ["20%", "rungs", "about", "80", "s", "left"]


def test_nothing_is_said_before_there_is_a_rate(told):
    assert told((60, 40, 100, "steps")) == []
