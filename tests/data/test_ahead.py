"""Batches made ahead: those asked for, whatever is asked."""

import threading

import pytest

from scalewright.data.ahead import Ahead


def test_it_answers_what_is_asked():
    ahead = Ahead(lambda step: step * step)
    assert [ahead(step) for step in (0, 1, 2, 7, 8, 3, 3, 4)] == [0, 1, 4, 49, 64, 9, 9, 16]


def test_the_next_one_is_under_way():
    made = threading.Event()

    def batch(step):
        if step == 1:
            made.set()
        return step

    Ahead(batch)(0)
    assert made.wait(10)


def test_what_goes_wrong_is_told_when_it_is_asked_for():
    def batch(step):
        if step == 2:
            raise ValueError("no such step")
        return step

    ahead = Ahead(batch)
    assert ahead(1) == 1
    with pytest.raises(ValueError, match="no such step"):
        ahead(2)
