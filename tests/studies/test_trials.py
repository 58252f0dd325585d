"""Searches on losses whose least value is known: found, never pruned, and the same after any stop."""

import itertools
import math
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalewright.errors import InputError
from scalewright.studies.space import Space
from scalewright.studies.trials import importance, search

SPACE = Space.parse(["learning_rate=1e-4..1e-1:log", "dropout=0..0.4"])
RULES = {"learning_rate": 0.05, "dropout": 0.0}
ORDER = {"trials": 20, "together": 4, "milestones": 3, "pruner": "median", "seed": 0}


def bowl(values):
    """Least, 2, at a rate of 3e-3 and a dropout of 0.1; the rate matters far more."""
    return 2 + math.log10(values["learning_rate"] / 3e-3) ** 2 + 0.3 * (values["dropout"] - 0.1) ** 2


def falling(values, milestone):
    """Curves that never cross: each is the bowl, and so much above it as is left of training."""
    return bowl(values) + 1.0 / 2**milestone


class Trained:
    """Trains once what it is asked for, and remembers; stops after so many trainings."""

    def __init__(self, loss=falling, stop=math.inf):
        self.loss, self.stop, self.known, self.asked = loss, stop, {}, []

    def __call__(self, asked, milestone):
        for values in asked:
            key = (*values.items(), milestone)
            if key not in self.known:
                if len(self.known) >= self.stop:
                    raise KeyboardInterrupt
                self.known[key] = self.loss(values, milestone)
            self.asked.append(key)
        return [self.known[(*values.items(), milestone)] for values in asked]


def least(trials):
    return min((trial for trial in trials if trial.state == "complete"), key=lambda trial: trial.losses[-1])


@pytest.mark.parametrize("pruner", ["median", "halving", "none"])
def test_it_finds_the_least_loss_and_begins_with_the_rules(pruner):
    trials = search(SPACE, RULES, Trained(), **(ORDER | {"trials": 40, "pruner": pruner}))
    assert [trial.number for trial in trials] == list(range(40))
    assert (trials[0].values, trials[0].state) == (RULES, "complete")
    assert trials[0].losses == tuple(falling(RULES, milestone) for milestone in range(3))
    best = least(trials)
    # A random search of 40 comes within 0.05 decades of the best rate in three cases of four.
    assert best.values["learning_rate"] == pytest.approx(3e-3, rel=0.25)
    assert best.losses[-1] < trials[0].losses[-1] - 1
    assert {len(trial.losses) for trial in trials if trial.state == "complete"} == {3}
    assert any(trial.state == "pruned" for trial in trials) == (pruner != "none")


@settings(max_examples=25)
@given(seed=st.integers(0, 2**40), pruner=st.sampled_from(["median", "halving"]), together=st.integers(1, 9))
def test_the_best_of_curves_that_never_cross_is_not_pruned(seed, pruner, together):
    trials = search(SPACE, RULES, Trained(), **(ORDER | {"seed": seed, "pruner": pruner, "together": together}))
    assert bowl(least(trials).values) == min(bowl(trial.values) for trial in trials)


def test_the_best_of_a_grid_is_found():
    space = Space.parse(["optimiser=adamw,muon", "schedule=wsd,cosine,linear", "warmup_steps=10,20,40"])
    rules = {"optimiser": "adamw", "schedule": "wsd", "warmup_steps": 10}

    def loss(values, milestone):
        worth = {"muon": 0.3, "cosine": 0.1, "linear": 0.15, 20: 0.05, 40: -0.1}
        return 3.0 - sum(worth.get(value, 0.0) for value in values.values())

    grid = itertools.product(*(option.values for option in space.options.values()))
    brute = min(loss(dict(zip(space.options, values, strict=True)), 2) for values in grid)
    trials = search(space, rules, Trained(loss), **(ORDER | {"trials": 40}))
    assert least(trials).losses[-1] == pytest.approx(brute)


@pytest.mark.parametrize("pruner", ["median", "halving"])
def test_stopped_anywhere_it_comes_to_the_same_trials(pruner):
    order = ORDER | {"pruner": pruner, "trials": 12}
    calm = Trained()
    expected = search(SPACE, RULES, calm, **order)
    for stop in range(len(calm.known)):
        stopped = Trained(stop=stop)
        with pytest.raises(KeyboardInterrupt):
            search(SPACE, RULES, stopped, **order)
        assert list(stopped.known) == list(calm.known)[:stop]
        stopped.stop = math.inf
        assert search(SPACE, RULES, stopped, **order) == expected
        assert stopped.known == calm.known


def test_another_seed_tries_other_values():
    first, other = (search(SPACE, RULES, Trained(), **(ORDER | {"seed": seed})) for seed in (0, 2**32 + 1))
    assert first[0] == other[0]
    assert all(mine.values != theirs.values for mine, theirs in zip(first[1:], other[1:], strict=True))


def test_the_rules_may_lie_outside_and_are_tried_all_the_same():
    rules = {"learning_rate": 0.5, "dropout": None}
    trials = search(
        SPACE, rules, Trained(lambda values, _: bowl(values | {"dropout": values["dropout"] or 0.0})), **ORDER
    )
    assert (trials[0].values, trials[0].state) == (rules, "complete")
    assert all(SPACE.holds(trial.values) for trial in trials[1:])
    assert len(trials) == ORDER["trials"]


def test_the_rules_are_never_pruned():
    worst = {"learning_rate": 1e-1, "dropout": 0.4}
    for pruner in ("median", "halving"):
        assert search(SPACE, worst, Trained(), **(ORDER | {"pruner": pruner}))[0].state == "complete"


def test_trainings_that_fail_are_told_and_are_not_the_best():
    def loss(values, milestone):
        too_hot = values["learning_rate"] > 0.02
        return (
            math.nan
            if too_hot and milestone == 1
            else math.inf
            if too_hot and values["dropout"] > 0.2
            else bowl(values)
        )

    trials = search(SPACE, {"learning_rate": 0.01, "dropout": 0.0}, Trained(loss), **(ORDER | {"trials": 40}))
    hot = [trial for trial in trials if trial.values["learning_rate"] > 0.02]
    assert hot
    assert {trial.state for trial in hot} <= {"failed", "pruned"}
    assert all(len(trial.losses) <= 1 for trial in hot)
    assert any(trial.state == "failed" for trial in hot)


def test_numbers_have_few_digits():
    trials = search(SPACE, RULES, Trained(), **ORDER)
    assert all(float(f"{value:.4g}") == value for trial in trials for value in trial.values.values())


def test_what_matters_is_told():
    trials = search(SPACE, RULES, Trained(), **(ORDER | {"trials": 60, "pruner": "none"}))
    shares = importance(SPACE, trials)
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares) == ["learning_rate", "dropout"]
    assert shares["learning_rate"] > 0.6
    assert importance(SPACE, trials[:7]) == {}


def test_without_optuna_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r"optuna is not installed: pip install 'scalewright\[search\]'"):
        search(SPACE, RULES, Trained(), **ORDER)
