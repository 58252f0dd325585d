"""Options of the recipe searched where the rules are not enough."""

import math
from collections.abc import Iterator
from pathlib import Path

from scalewright.documents import Reason
from scalewright.errors import WorkError
from scalewright.ledger import Role
from scalewright.machines.speed import Speed
from scalewright.pipeline.estimate import foresee
from scalewright.pipeline.planned import Studied, studied_project
from scalewright.pipeline.run import open_project
from scalewright.pipeline.search_answers import Searched, SearchEstimate, SearchOrder, shown
from scalewright.pipeline.watch import Watch
from scalewright.pipeline.workspace import STATE, Workspace
from scalewright.planning import Ladder
from scalewright.planning.layout import EVALUATION_SHARE, SEARCH_RATES
from scalewright.studies import (
    LOCAL,
    NOTHING,
    Cost,
    OptionSearch,
    SearchDesign,
    Trial,
    expected_cost,
    importance,
    optuna_module,
    seed_noise,
)
from scalewright.tasks import task_named

_SEEDS: tuple[Role, ...] = ("ladder", "repeat")
"""Of runs that may differ in their seed alone."""


def estimate_search(path: Path, order: SearchOrder) -> SearchEstimate:
    """What a search would cost. Trains and writes nothing.

    Raises:
        InputError: the project file, its data or the space are wrong.
    """
    known = foresee(path)
    state, project = path.resolve().parent / STATE, known.project
    ladder = _laid_out(state / "ladder.json", known.ladder)
    workers = known.speeds.ladder.beside + 1
    design = order.design(ladder, known.family, project.recipe, workers, project.seed)
    found = project.recipe.learning_rate is not None or (state / "recipe.json").exists()
    before = NOTHING if found else _rate_cost(ladder, known.speeds.ladder, workers)
    return _estimate(design, known.speeds.ladder, workers, known.speed, before)


def search_project(
    path: Path, order: SearchOrder, *, watch: Watch | None = None, workers: int | None = None, executor: str = LOCAL
) -> Searched:
    """Searches options of a project's recipe, beginning with the values that the rules find.

    Killed anywhere and called again, it comes to the same trials, and trains what is left of them.

    Args:
        path: A project file.
        order: What to search.
        watch: Hears of stages and progress.
        workers: Trials side by side; by default one for each thread of this machine, or CPU of the cluster.
        executor: Where they are trained: `local`, or a Ray cluster's address.

    Raises:
        InputError: the project file, its data, the space or the executor's address are wrong; Optuna is not installed.
        WorkError: the work failed; what was finished is kept.
    """
    optuna_module()  # before any work
    with open_project(path, watch) as at, studied_project(at, workers, executor) as known:
        family = task_named(at.project.task).family(known.dataset.manifest.vocabulary, known.ladder.context)
        # As many in a round as the ladder was laid out for: another machine that goes on with it changes no trial.
        together = workers or known.speeds.ladder.beside + 1
        design = order.design(known.ladder, family, at.project.recipe, together, at.project.seed)
        side_by_side = known.study.executor.workers
        expected = _estimate(design, known.speeds.ladder, side_by_side, f"measured: {at.state / 'speeds.json'}")
        at.watch.stage("search", f"{', '.join(design.space.options)}: {design.trials} trials")
        for line in expected.lines():
            at.watch.say(line)
        work = OptionSearch(design, known.study, known.recipe)
        searched = _searched(at, known, work, work.run(), expected)
        searched.save(at.state / "search.json")
        at.ledger.record_artefact("search", at.state / "search.json", searched.hash, searched.runs)
        return searched


def _laid_out(path: Path, foreseen: Ladder) -> Ladder:
    """The project's ladder where it was laid out for the same final run: its text was counted, not guessed from its size."""
    saved = Ladder.load(path) if path.exists() else foreseen
    same = (saved.target_flops, saved.decay_fraction) == (foreseen.target_flops, foreseen.decay_fraction)
    return saved if same else foreseen


def _rate_cost(ladder: Ladder, speed: Speed, workers: int) -> Cost:
    """Of finding the learning rate by the rules."""
    shape, tokens = ladder.search_shape, ladder.search_horizon * ladder.tokens_per_step
    seconds = tokens / speed.tokens_per_second(shape.train_flops_per_token) * EVALUATION_SHARE
    return Cost(
        flops=SEARCH_RATES * tokens * shape.train_flops_per_token, seconds=math.ceil(SEARCH_RATES / workers) * seconds
    )


def _estimate(design: SearchDesign, speed: Speed, workers: int, origin: str, before: Cost = NOTHING) -> SearchEstimate:
    rate = speed.tokens_per_second(design.shape.train_flops_per_token)
    judged = {
        "median": "half of the trials are stopped at each milestone, from the second round on, as the median does where later "
        "trials are no better than earlier ones; better ones cost up to the most",
        "halving": "half of the trials are stopped at each milestone",
        "none": "nothing is stopped",
    }
    of_origin, _, text = origin.partition(": ")
    return SearchEstimate(
        trials=design.trials,
        together=design.together,
        workers=workers,
        pruner=design.pruner,
        params=design.shape.params,
        tokens=tuple(horizon * design.tokens_per_step for horizon in design.horizons),
        before=before,
        most=expected_cost(design, rate, workers, pruned=False),
        typical=expected_cost(design, rate, workers, pruned=True),
        reasons={
            "before": Reason(
                origin="derived",
                text="the rules' learning rate is found first" if before.flops else "it is known already",
            ),
            "most": Reason(origin="derived", text="nothing is pruned; what is trained already costs nothing again"),
            "typical": Reason(origin="assumed", text=judged[design.pruner]),
            "speed": Reason.model_validate(
                {
                    "origin": of_origin,
                    "text": f"{rate:,.0f} tokens/s for each of {workers} side by side, by the ladder's optimiser ({text})",
                }
            ),
            "together": Reason(
                origin="assumed",
                text=f"{design.together}: trials of a round are asked for and judged together, so that they do not depend on "
                "who is faster",
            ),
        },
    )


def _searched(
    at: Workspace, known: Studied, work: OptionSearch, trials: list[Trial], expected: SearchEstimate
) -> Searched:
    design, rules = work.design, trials[0]
    if rules.state != "complete":
        raise WorkError(
            "search: with the rules' own values the loss is no number, so that there is nothing to compare with"
        )
    complete = [trial for trial in trials if trial.state == "complete"]
    # Of equals the earliest: the rules', where nothing is better.
    best = min(complete, key=lambda trial: trial.losses[-1])
    gain = math.log(rules.losses[-1] / best.losses[-1])
    changed = {name: value for name, value in best.values.items() if value != rules.values[name]}
    noise = seed_noise([run for role in _SEEDS for run in at.ledger.runs(role=role, data_hash=known.dataset.hash)])
    least = None if noise is None else noise.least_gain(len(complete) - 1)
    if least is None or noise is None:
        verdict = Reason(
            origin="assumed",
            text="not known: no runs of the ledger differ in their seed alone; `scalewright run` makes some",
        )
    else:
        verdict = Reason(
            origin="measured",
            text=f"{'beyond' if gain > least else 'within'} it: the best of {len(complete) - 1} has to be "
            f"{-math.expm1(-least):.2%} lower, as seeds scatter by {noise.deviation:.2%} in the ladder "
            f"({noise.freedom} degrees of freedom), for one search in twenty to find as much by luck",
        )
    return Searched(
        best=best.values,
        loss=best.losses[-1],
        rules=rules.values,
        rules_loss=rules.losses[-1],
        loss_unit=at.task.loss_unit,
        improvement=-math.expm1(-gain),
        least_improvement=None if least is None else -math.expm1(-least),
        beyond_noise=None if least is None else gain > least,
        importance=importance(design.space, trials),
        complete=len(complete),
        pruned=sum(trial.state == "pruned" for trial in trials),
        failed=sum(trial.state == "failed" for trial in trials),
        trials=tuple(trials),
        runs=tuple(work.run_id(trial.values, len(trial.losses) - 1) for trial in trials if trial.losses),
        estimate=expected,
        spent=work.spent(trials),
        recipe={name: value for name, value in (design.given.values | changed).items() if value is not None},
        warnings=tuple(_warnings(design, known.ladder, best)),
        reasons={
            "beyond_noise": verdict,
            "trials": Reason(
                origin="derived",
                text=f"the rules' values first, then those of a tree-structured Parzen estimator of Optuna "
                f"{optuna_module().__version__} with the seed {design.seed}: another version may try others",
            ),
            "best": Reason(
                origin="measured",
                text=f"least validation loss of {len(complete)} trials at {design.shape.params:,} params and "
                f"{design.horizons[-1] * design.tokens_per_step:,} tokens; the learning rate is carried over width and depth "
                "by µP and CompleteP (arXiv:2203.03466, arXiv:2505.01618), other options are taken to carry over as they are",
            ),
            "importance": Reason(
                origin="derived",
                text="PED-ANOVA (Watanabe et al. 2023, arXiv:2304.10255) of all trials at the first milestone: what sets the "
                "better quarter apart",
            ),
        },
    )


def _warnings(design: SearchDesign, ladder: Ladder, best: Trial) -> Iterator[str]:
    for name, option in design.space.options.items():
        if best.number > 0 and option.at_its_end(best.values[name]):
            yield f"{name}: {shown(best.values[name])} is at the end of its range: a wider one may hold a better value"
    decay, steps = best.values.get("weight_decay"), design.horizons[-1]
    if best.number > 0 and isinstance(decay, float) and decay > 0 and steps < ladder.target_steps:
        yield (
            f"weight_decay: found over {steps:,} steps, while the final run has about {ladder.target_steps:,}: the rule's "
            "decay is weaker the longer that run is, and a stronger one costs long runs more than short ones (docs/log.md)"
        )
