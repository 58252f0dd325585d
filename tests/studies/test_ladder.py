"""The runs of a ladder under the rules' recipe and under settings that are given."""

import shutil

import pytest

from scalewright.ledger import Ledger
from scalewright.planning import BY_THE_RULES, Given
from scalewright.studies import LadderStudy, ladder_recipe
from scalewright.studies.ladder import trunks_of
from scalewright.studies.work import train_job

from .small_study import CHOSEN, Quiet, small_ladder


class Here:
    """Trains in this process, and remembers how long the trunks were."""

    workers = 1

    def __init__(self):
        self.horizons = []

    def run(self, work, jobs, heard):
        assert work is train_job
        for job in jobs:
            self.horizons.append(job.trunk.horizons)
            yield job, work(job)


def test_what_is_given_takes_the_place_of_the_rules():
    ladder = small_ladder(257, 20)
    rules = ladder_recipe(ladder, 0.01, CHOSEN)
    assert rules == ladder_recipe(ladder, 0.01, CHOSEN, BY_THE_RULES)
    assert (rules.weight_decay, rules.warmup_steps) == (pytest.approx(1 / (0.01 * 20)), 3)
    given = ladder_recipe(ladder, 0.01, CHOSEN, Given(learning_rate=0.04, warmup_steps=5))
    # The rules' decay follows from the rate that is given.
    assert (given.learning_rate, given.warmup_steps) == (0.04, 5)
    assert given.weight_decay == pytest.approx(1 / (0.04 * 20))
    assert (given.reasons["learning_rate"].origin, given.reasons["weight_decay"].origin) == ("given", "derived")


@pytest.mark.parametrize(("schedule", "trunks"), [("wsd", [(8, 16)]), ("cosine", [(16,), (8,)])])
def test_only_runs_that_share_their_beginning_are_branches(dataset, tmp_path, schedule, trunks):
    ladder = small_ladder(dataset.manifest.vocabulary, 16, rungs=1)
    given, executor = Given(schedule=schedule), Here()
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        study = LadderStudy(
            ladder, task="language", name="small", dataset=dataset, ledger=ledger, executor=executor,
            folder=tmp_path / "runs", progress=Quiet(), given=given,
        )  # fmt: skip
        recipe = ladder_recipe(ladder, 0.01, CHOSEN, given)
        runs = study.run_rungs(recipe)
        assert sorted(run.configuration["steps"] for run in runs) == [8, 16]
        assert {run.role for run in runs} == {"repeat"}
        # What the ledger holds is not trained again, whatever became of its folders.
        shutil.rmtree(tmp_path / "runs")
        assert study.run_rungs(recipe) == runs
    assert executor.horizons == trunks
    assert sorted(trunks_of(recipe, (8, 16)), reverse=True) == sorted(trunks, reverse=True)
