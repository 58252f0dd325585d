"""Training on a mixture, killed in the middle and gone on with."""

import pytest
from tests.data.corpora import prose

from scalewright.data import WeightedSource, prepare
from scalewright.tasks import task_named
from scalewright.training import train


class KilledError(Exception):
    """What ends a training from outside."""


class KillAt:
    def __init__(self, step):
        self.last = step

    def step(self, step, total, loss, tokens_per_second):
        if step == self.last:
            raise KilledError

    def say(self, text):
        pass

    def warn(self, text):
        pass


def test_it_goes_on_at_the_row_where_it_was_killed(trunk, tmp_path):
    for name, first in (("a", 0), ("b", 1)):
        (tmp_path / name).mkdir()
        for number in range(40):
            (tmp_path / name / f"{number}.txt").write_text(name + prose(100 * first + number, 150))
    sources = [WeightedSource("a", ("a",), 2), WeightedSource("b", ("b",), 1)]
    mixed = prepare(sources, tmp_path / "data", base=tmp_path, tokenizer="bytes")
    asked, task = trunk((8, 20), data_hash=mixed.hash), task_named("language")
    undisturbed = list(train(asked, task, mixed, tmp_path / "calm"))
    with pytest.raises(KilledError):
        list(train(asked, task, mixed, tmp_path / "killed", checkpoint_seconds=0, progress=KillAt(13)))
    resumed = list(train(asked, task, mixed, tmp_path / "killed"))
    assert [(one.address, one.loss, one.metrics) for one in resumed] == [
        (one.address, one.loss, one.metrics) for one in undisturbed
    ]
    assert all(set(one.metrics) == {"loss_a", "loss_b"} for one in resumed)
    assert trunk((8, 20)).run_address(8) != asked.run_address(8)
