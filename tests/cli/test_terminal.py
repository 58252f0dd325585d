"""What is told where there is no terminal."""

import io

import pytest
from rich.console import Console

from scalewright.cli import terminal
from scalewright.cli.terminal import TerminalWatch


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    return now


def lines(watched):
    return watched.console.file.getvalue().splitlines()


def test_time_left_counts_what_is_done_since_the_stage_went_on(clock):
    watched = TerminalWatch(Console(file=io.StringIO(), width=80))
    watched.stage("train", "a model")
    # Gone on with at 40 of 100; 10 more take 20 s, so that 50 take 100 s.
    watched.progress(40, 100, "steps")
    clock[0] = 20.0
    watched.progress(50, 100, "steps")
    assert lines(watched)[-1].split() == ["50%", "steps", "about", "100", "s", "left"]


def test_a_second_count_in_one_stage_begins_anew(clock):
    watched = TerminalWatch(Console(file=io.StringIO(), width=80))
    watched.stage("ladder", "small runs")
    watched.progress(0, 100, "search")
    clock[0] = 30.0
    watched.progress(90, 100, "search")
    watched.progress(0, 1000, "rungs")
    clock[0] = 50.0
    watched.progress(200, 1000, "rungs")
    assert lines(watched)[-1].split() == ["20%", "rungs", "about", "80", "s", "left"]


def test_nothing_is_said_before_there_is_a_rate(clock):
    watched = TerminalWatch(Console(file=io.StringIO(), width=80))
    watched.stage("train", "a model")
    clock[0] = 60.0
    watched.progress(40, 100, "steps")
    assert len(lines(watched)) == 1
