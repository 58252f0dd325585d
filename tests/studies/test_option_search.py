"""Searches that train: runs of the ledger, none of them twice, and the same trials after any stop."""

import math
from itertools import pairwise

import pytest

from scalewright.architectures import LlamaFamily
from scalewright.errors import InputError
from scalewright.ledger import Ledger
from scalewright.planning import BY_THE_RULES, Given
from scalewright.planning.ladder import Ladder, Rung
from scalewright.planning.layout import EVALUATION_SHARE
from scalewright.studies import LadderStudy, OptionSearch, Space, design_search, expected_cost, ladder_recipe
from scalewright.studies.on_ray import RayExecutor
from scalewright.studies.work import DIVERGED, TrunkJob, train_job
from scalewright.training.checkpoint import read_tensors
from scalewright.training.loop import TRUNK

from .small_study import CHOSEN

HORIZONS = (10, 15, 20)
SPACE = Space.parse(["learning_rate=3e-3..0.1:log", "schedule=wsd,cosine", "label_smoothing=0..0.2"])


def ladder_for(vocabulary):
    family = LlamaFamily(vocabulary=vocabulary, context=32)
    rungs = [Rung(shape=family.shape(width), horizons=HORIZONS, seed=0, role="ladder") for width in (48, 32)]
    return Ladder(
        context=32, batch_size=4, warmup_steps=3, decay_fraction=0.2, base_width=32, base_depth=2, precision="fp32",
        rungs=tuple(rungs), search_shape=family.shape(32), search_horizon=10, target_flops=1e12, target_steps=300,
        seconds=10.0, warnings=(), reasons={"batch_size": CHOSEN, "warmup_steps": CHOSEN},
    )  # fmt: skip


class Here:
    """Trains in this process, one after the other; stops before so many jobs, and counts the steps that jobs took."""

    workers = 1

    def __init__(self, stop=math.inf):
        self.stop, self.jobs = stop, []

    def run(self, work, jobs, heard):
        for job in jobs:
            if len(self.jobs) >= self.stop:
                raise KeyboardInterrupt
            self.jobs.append((job.trunk.address, job.branches))
            heard((job.trunk.address, 7.0))
            yield job, work(job)


class Progress:
    def __init__(self):
        self.shares = []

    def work(self, done, total, what):
        self.shares.append(done / total)


@pytest.fixture
def laid_out(dataset):
    return ladder_for(dataset.manifest.vocabulary)


@pytest.fixture
def searching(dataset, laid_out, tmp_path):
    """`searching(executor, name)`: a search in a folder of its own, with its ledger."""
    opened = []

    def make(executor, name="one", space=SPACE, given=BY_THE_RULES, **order):
        ledger = Ledger.open(tmp_path / name / "ledger.db")
        opened.append(ledger)
        study = LadderStudy(
            laid_out, task="language", name="small", dataset=dataset, ledger=ledger, executor=executor,
            folder=tmp_path / name / "runs", progress=Progress(), given=given,
        )  # fmt: skip
        order = {"trials": 6, "pruner": "halving", "workers": 1, "seed": 0} | order
        design = design_search(laid_out, space, given, **order)
        return OptionSearch(design, study, ladder_recipe(laid_out, 0.02, CHOSEN, given))

    yield make
    for ledger in opened:
        ledger.close()


def runs_of(work):
    return {run.id: run.loss for run in work.study.ledger.runs()}


def test_stopped_and_gone_on_with_it_comes_to_the_same_and_trains_nothing_twice(searching):
    calm = searching(Here(), trials=4)
    expected = calm.run()
    assert {trial.state for trial in expected} == {"complete", "pruned"}
    jobs = calm.study.executor.jobs
    assert len(jobs) == len(set(jobs)) == sum(len(trial.losses) for trial in expected)
    half = len(jobs) // 2
    stopped = searching(Here(half), "stopped", trials=4)
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    assert len(runs_of(stopped)) == half
    again = searching(Here(), "stopped", trials=4)
    assert again.run() == expected
    assert stopped.study.executor.jobs + again.study.executor.jobs == jobs
    assert runs_of(again) == runs_of(calm)
    # Neither pruned trials nor finished ones leave checkpoints behind.
    for work in (calm, again):
        assert not list(work.study.folder.glob(f"*/{TRUNK}"))
    # All is there: nothing is trained, whoever asks.
    answered = searching(Here(0), trials=4)
    assert answered.run() == expected
    shares = calm.study.progress.shares
    assert all(before <= after for before, after in pairwise(shares))
    assert shares[-1] <= 1.0001


@pytest.mark.slow
def test_a_cluster_comes_to_the_same(searching, small_cluster):
    here = searching(Here(), "here", trials=4)
    expected = here.run()
    with RayExecutor(small_cluster.address) as executor:
        there = searching(executor, "there", trials=4)
        assert there.run() == expected
    assert runs_of(there) == runs_of(here)


def test_the_rules_trial_is_the_ladder_s_own_run(searching):
    work = searching(Here(), trials=2)
    recipe = work.rules
    work.study.run_rungs(recipe)
    trained = len(work.study.executor.jobs)
    losses = [run.loss for run in work.study.ledger.runs(role="ladder") if run.params == work.design.shape.params]
    trials = work.run()
    assert trials[0].values == {"learning_rate": 0.02, "schedule": "wsd", "label_smoothing": 0.0}
    assert trials[0].losses == tuple(losses)
    of_rules = work.trunk(trials[0].values, 0).address
    assert of_rules not in [address for address, _ in work.study.executor.jobs[trained:]]
    assert {run.role for run in work.study.ledger.runs()} == {"ladder", "trial"}


def test_a_search_before_the_ladder_hides_none_of_its_rungs(searching):
    work = searching(Here(), trials=2)
    work.run()
    runs = work.study.run_rungs(work.rules)
    assert {run.role for run in runs} <= {"ladder", "repeat"}
    assert {run.id for run in runs} & {work.run_id(work.rules_values, 0)}


def test_a_milestone_is_the_end_of_a_run_of_its_length(searching, dataset, tmp_path):
    work = searching(Here(), space=Space.parse(["schedule=cosine,linear"]), trials=2, pruner="none")
    trials = work.run()
    assert trials[0].values["schedule"] == "wsd" != trials[1].values["schedule"]
    for trial in trials:
        for milestone, loss in enumerate(trial.losses):
            alone = work.trunk(trial.values, milestone).model_copy(update={"horizons": (HORIZONS[milestone],)})
            (measured,) = train_job(TrunkJob(alone, dataset.folder, tmp_path / "alone" / alone.address, 15.0))
            assert (measured.address, measured.loss) == (work.run_id(trial.values, milestone), loss)


def test_a_trunk_left_at_a_branch_is_gone_on_with(trunk, dataset, tmp_path):
    whole, parts = (TrunkJob(trunk(), dataset.folder, tmp_path / name, 15.0) for name in ("whole", "parts"))
    found = []
    for branches in (1, 2, 3):
        job = TrunkJob(parts.trunk, parts.dataset, parts.folder, 15.0, branches=branches)
        assert not job.finished
        found = train_job(job)
        assert job.finished
        assert len(found) == branches
    expected = train_job(whole)
    assert [(one.address, one.loss, one.curve) for one in found] == [(o.address, o.loss, o.curve) for o in expected]
    weights = [read_tensors(job.folder / "weights") for job in (whole, parts)]
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])


def test_a_training_that_fails_is_an_answer_and_is_not_tried_again(searching):
    space = Space.parse(["learning_rate=1e-2..1e38:log"])
    work = searching(Here(), space=space)
    trials = work.run()
    failed = [trial for trial in trials if trial.state == "failed"]
    assert failed
    assert trials[0].state == "complete"
    folders = {path.parent.name for path in work.study.folder.glob(f"*/{DIVERGED}")}
    assert folders == {work.trunk(trial.values, len(trial.losses)).address for trial in failed}
    before = runs_of(work)
    again = searching(Here(), space=space)
    assert again.run() == trials
    assert runs_of(again) == before
    assert {address for address, _ in again.study.executor.jobs} == folders


def test_what_is_given_holds_for_every_trial(searching):
    given = Given(clip=0.5, ema_decay=0.9, learning_rate=0.03)
    work = searching(Here(), space=Space.parse(["ema_decay=none,0.8,0.9"]), given=given)
    assert work.rules_values == {"ema_decay": 0.9}
    recipes = {value: work.recipe({"ema_decay": value}) for value in (None, 0.8, 0.9)}
    assert {value: recipe.ema_decay for value, recipe in recipes.items()} == {None: None, 0.8: 0.8, 0.9: 0.9}
    assert {(recipe.clip, recipe.learning_rate) for recipe in recipes.values()} == {(0.5, 0.03)}
    assert recipes[0.9].deciding == work.rules.deciding


def test_weight_decay_follows_the_learning_rate_that_is_tried(searching, laid_out):
    recipe = searching(Here()).recipe({"learning_rate": 0.05})
    assert recipe.weight_decay == pytest.approx(1 / (0.05 * laid_out.target_steps))


def test_cost_by_hand(laid_out):
    space = Space.parse(["learning_rate=3e-3..0.1:log"])
    design = design_search(laid_out, space, BY_THE_RULES, trials=10, pruner="median", workers=2, seed=0)
    assert (design.together, design.rounds) == (4, [4, 4, 2])
    assert design.horizons == HORIZONS
    assert design.shape == laid_out.search_shape
    # A trunk of 20 steps, and decays of 2 and 3 beside it.
    assert [design.steps(milestone) for milestone in range(3)] == pytest.approx([10, 17, 25])
    per_step = 128 * design.shape.train_flops_per_token
    most = expected_cost(design, 1000.0, 2, pruned=False)
    assert most.flops == pytest.approx(10 * 25 * per_step)
    assert most.seconds == pytest.approx((2 + 2 + 1) * 25 * 128 / 1000 * EVALUATION_SHARE)
    # The first round to its end; then 4, 2, 1 and 2, 1, 1 at the milestones, 10, 7 and 8 steps apart.
    typical = expected_cost(design, 1000.0, 2, pruned=True)
    assert typical.flops == pytest.approx((4 * 25 + 4 * 10 + 2 * 7 + 8 + 2 * 10 + 7 + 8) * per_step)
    assert typical.seconds == pytest.approx((2 * 25 + 2 * 10 + 7 + 8 + 25) * 128 / 1000 * EVALUATION_SHARE)


def test_schedules_without_a_trunk_cost_each_horizon(laid_out):
    for space, given in (
        (Space.parse(["schedule=wsd,linear"]), BY_THE_RULES),
        (Space.parse(["clip=1,2"]), Given(schedule="cosine")),
    ):
        design = design_search(laid_out, space, given, trials=4, pruner="none", workers=1, seed=0)
        assert [design.steps(milestone) for milestone in range(3)] == [10, 25, 45]


def test_rounds_grow_with_the_workers_but_leave_something_to_learn(laid_out):
    def together(trials, workers):
        space = Space.parse(["clip=1,2"])
        return design_search(
            laid_out, space, BY_THE_RULES, trials=trials, pruner="none", workers=workers, seed=0
        ).together

    assert [together(20, 2), together(20, 64), together(400, 64), together(2, 64)] == [4, 5, 64, 4]


def test_trials_too_short_for_their_warmup_are_refused(laid_out):
    order = {"trials": 4, "pruner": "none", "workers": 1, "seed": 0}
    with pytest.raises(
        InputError, match=r"shortest training has 10 steps and decays from step 8 on, but up to 8 steps"
    ):
        design_search(laid_out, Space.parse(["warmup_steps=4..8"]), BY_THE_RULES, **order)
    with pytest.raises(InputError, match=r"shortest training has 3 steps .* raise --tokens"):
        design_search(laid_out, Space.parse(["clip=1,2"]), BY_THE_RULES, tokens=128 * 12, **order)
    with pytest.raises(InputError, match="trials: Input should be greater than or equal to 2"):
        design_search(laid_out, Space.parse(["clip=1,2"]), BY_THE_RULES, **(order | {"trials": 1}))
