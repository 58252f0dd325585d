"""Steps that runs tell: none lost, none twice, whoever else writes."""

import subprocess
import sys

import pytest

from scalewright.errors import InputError
from scalewright.ledger import Ledger, MetricLog
from scalewright.ledger.metric_log import BUNDLE_ROWS


@pytest.fixture
def ledger(where):
    with Ledger.open(where) as opened:
        yield opened


def told(ledger, run="a", name=None):
    return [(metric.step, metric.name, metric.value) for metric in ledger.metrics(run, name)]


def test_what_was_told_is_kept_in_order(ledger):
    with MetricLog(ledger, "a") as log:
        log.log(1, train_loss=3.5, tokens_per_second=1e4)
        log.log(2, train_loss=3.25)
    assert told(ledger) == [(1, "tokens_per_second", 1e4), (1, "train_loss", 3.5), (2, "train_loss", 3.25)]
    assert told(ledger, name="train_loss") == [(1, "train_loss", 3.5), (2, "train_loss", 3.25)]
    assert told(ledger, "b") == []


def test_bundles_are_written_on_the_way(ledger):
    log = MetricLog(ledger, "a")
    for step in range(BUNDLE_ROWS + 5):
        log.log(step, train_loss=1.0)
    assert len(told(ledger)) == BUNDLE_ROWS
    log.flush()
    assert len(told(ledger)) == BUNDLE_ROWS + 5


def test_what_a_killed_run_tells_again_takes_the_place_of_the_first(ledger):
    for step, loss in ((1, 4.0), (2, 3.0), (3, 2.0)):
        ledger.record_metrics("a", [(step, "train_loss", loss)])
    ledger.record_metrics("b", [(9, "train_loss", 9.0)])
    with MetricLog(ledger, "a") as resumed:
        resumed.log(2, train_loss=3.5)
    assert told(ledger) == [(1, "train_loss", 4.0), (2, "train_loss", 3.5)]
    assert told(ledger, "b") == [(9, "train_loss", 9.0)]


def test_what_is_no_number_is_refused_and_nothing_is_kept(ledger):
    with pytest.raises(InputError, match="train_loss is nan at step 2"):
        ledger.record_metrics("a", [(1, "train_loss", 1.0), (2, "train_loss", float("nan"))])
    with pytest.raises(InputError, match="tells a name twice"):
        ledger.record_metrics("a", [(1, "train_loss", 1.0), (1, "train_loss", 2.0)])
    ledger.record_metrics("a", [])
    assert told(ledger) == []


WRITER = """
import sys
from scalewright.ledger import Ledger, MetricLog
with Ledger.open(sys.argv[1]) as ledger, MetricLog(ledger, sys.argv[2]) as log:
    for step in range(10_000):
        log.log(step, train_loss=float(step))
"""


def test_writers_side_by_side(where):
    """Eight processes of 10,000 rows each: no lock errors, nothing lost."""
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, where, f"run{number}"], stderr=subprocess.PIPE)
        for number in range(8)
    ]
    assert [writer.communicate()[1] for writer in writers] == 8 * [b""]
    with Ledger.open(where) as ledger:
        for number in range(8):
            assert told(ledger, f"run{number}") == [(step, "train_loss", float(step)) for step in range(10_000)]


def test_a_step_may_be_told_in_two_bundles(ledger):
    with MetricLog(ledger, "a") as log:
        log.log(1, train_loss=4.0)
        log.log(2, train_loss=3.0)
        log.flush()
        log.log(2, validation_loss=3.5)
    assert told(ledger) == [(1, "train_loss", 4.0), (2, "train_loss", 3.0), (2, "validation_loss", 3.5)]


def test_a_log_that_goes_back_tells_anew_from_there(ledger):
    with MetricLog(ledger, "a") as log:
        for step, loss in ((1, 4.0), (2, 3.0), (3, 2.0), (2, 3.5)):
            log.log(step, train_loss=loss)
    assert told(ledger) == [(1, "train_loss", 4.0), (2, "train_loss", 3.5)]


def test_who_told_anything(ledger):
    for run in ("ab1", "ab2", "a_3"):
        ledger.record_metrics(run, [(1, "train_loss", 1.0), (2, "train_loss", 1.0)])
    assert ledger.tellers() == sorted(["ab1", "ab2", "a_3"])
    assert ledger.tellers("ab") == ["ab1", "ab2"]
    assert ledger.tellers("a_") == ["a_3"]
    assert ledger.tellers("b") == []
