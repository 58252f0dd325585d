"""A search by Optuna whose trials follow from the space, the seed and the losses alone.

Nothing of it is stored: asked again, the same losses give the same trials, whoever was killed in between and however many
workers there were. Trials are asked for in rounds; those of a round reach a milestone together, and are judged there in the
order of their numbers.
"""

import importlib
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from scalewright.documents import Part
from scalewright.errors import InputError
from scalewright.studies.space import Choices, Range, Space, Value, Values

Pruner = Literal["median", "halving", "none"]
RANDOM = 10
"""Trials before the sampler learns from them, or half of all where they are fewer."""
LEAST_FINISHED = 3
"""Trials that the median is taken of, at least."""
FEWEST_JUDGED = 8
"""Trials below which the importance of an option is anybody's guess."""
BEST_SHARE = 0.25
"""Of the trials, those whose values are compared with all of them to tell what is important."""

LossesAt = Callable[[Sequence[Values], int], Sequence[float]]
"""Losses of so many trainings at a milestone, counted from 0; infinite where training failed."""


class Trial(Part):
    """Values that were tried, and what came of them."""

    number: int
    """0 has the rules' own values."""
    values: dict[str, Value]
    losses: tuple[float, ...]
    """At each milestone that was reached."""
    state: Literal["complete", "pruned", "failed"]
    """To the last milestone; stopped at one before; or its loss was no number."""


class _Asked(NamedTuple):
    """A trial at work, and Optuna's side of it; the rules' values may lie outside of the space that Optuna knows."""

    number: int
    values: Values
    theirs: Any
    losses: list[float]


def search(
    space: Space,
    rules: Values,
    losses_at: LossesAt,
    *,
    trials: int,
    together: int,
    milestones: int,
    pruner: Pruner,
    seed: int,
) -> list[Trial]:
    """Looks for the values of least loss, beginning with the rules' own, which are never pruned.

    Args:
        space: Where to look.
        rules: What the rules say of the options; outside of the space, the sampler does not hear of them.
        losses_at: Trains. Only trainings that it was asked for at one milestone does it hear of at the next.
        trials: How many, the rules' own among them.
        together: Trials in a round.
        milestones: How often a training is looked at, its end included.
        pruner: Who stops trainings before their end: those worse at a milestone than the median of the finished ones were
            there, those not in the better half of all that came so far (asynchronous successive halving, Li et al. 2018,
            arXiv:1810.05934), or nobody.
        seed: Of the sampler, a tree-structured Parzen estimator (Watanabe 2023, arXiv:2304.11127).

    Raises:
        InputError: Optuna is not installed.
    """
    optuna = optuna_module()
    ways = {
        "median": lambda: optuna.pruners.MedianPruner(n_startup_trials=LEAST_FINISHED),
        "halving": lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2),
        "none": lambda: optuna.pruners.NopPruner(),
    }
    sampler = optuna.samplers.TPESampler(seed=seed % 2**32, n_startup_trials=min(RANDOM, trials // 2))
    study = optuna.create_study(sampler=sampler, pruner=ways[pruner]())
    known = space.holds(rules)
    if known:
        study.enqueue_trial(dict(rules))
    found: list[Trial] = []
    while len(found) < trials:
        asked = [
            _ask(study, space, rules, number, known) for number in range(len(found), min(len(found) + together, trials))
        ]
        found += _round(asked, study, losses_at, milestones)
    return found


def importance(space: Space, trials: Sequence[Trial]) -> dict[str, float]:
    """How much of what sets the better trials apart is due to each option, largest first; in all 1, or nothing at all.

    By PED-ANOVA (Watanabe, Bansal & Hutter 2023, arXiv:2304.10255) at the first milestone, which all trials reached: pruning
    leaves the better ones alone at later milestones.
    """
    judged = [trial for trial in trials if trial.losses and space.holds(trial.values)]
    if len(judged) < FEWEST_JUDGED:
        return {}
    optuna = optuna_module()
    study, distributions = optuna.create_study(), _distributions(space)
    for trial in judged:
        study.add_trial(
            optuna.trial.create_trial(params=trial.values, distributions=distributions, value=trial.losses[0])
        )
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=BEST_SHARE)
    told: dict[str, float] = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return told


def optuna_module() -> Any:
    """The module `optuna`, quiet.

    Raises:
        InputError: it is not installed.
    """
    try:
        optuna = importlib.import_module("optuna")
    except ModuleNotFoundError as error:
        raise InputError(f"search: {error.name} is not installed: pip install 'scalewright[search]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _ask(study: Any, space: Space, rules: Values, number: int, known: bool) -> _Asked:
    if number == 0 and not known:
        return _Asked(number, rules, None, [])
    theirs = study.ask(_distributions(space))
    if number == 0:
        return _Asked(number, rules, theirs, [])
    return _Asked(
        number, {name: option.rounded(theirs.params[name]) for name, option in space.options.items()}, theirs, []
    )


def _round(asked: Sequence[_Asked], study: Any, losses_at: LossesAt, milestones: int) -> list[Trial]:
    """Trains the trials of a round from milestone to milestone, as far as each goes."""
    ended: dict[int, Trial] = {}
    going = list(asked)
    for milestone in range(milestones):
        if not going:
            break
        losses = losses_at([trial.values for trial in going], milestone)
        for trial, loss in zip(going, losses, strict=True):
            if math.isfinite(loss):
                trial.losses.append(loss)
            if trial.theirs is not None:
                # Halving counts in powers of its factor.
                trial.theirs.report(loss if math.isfinite(loss) else math.inf, 2**milestone)
        last, further = milestone == milestones - 1, []
        for trial, loss in zip(going, losses, strict=True):
            if not math.isfinite(loss):
                ended[trial.number] = _end(study, trial, "failed")
            elif last:
                ended[trial.number] = _end(study, trial, "complete")
            elif trial.theirs is not None and trial.theirs.should_prune() and trial.number > 0:
                ended[trial.number] = _end(study, trial, "pruned")
            else:
                further.append(trial)
        going = further
    return [ended[trial.number] for trial in asked]


def _end(study: Any, trial: _Asked, state: Literal["complete", "pruned", "failed"]) -> Trial:
    if trial.theirs is not None:
        if state == "complete":
            study.tell(trial.theirs, trial.losses[-1])
        else:
            # To the sampler one is as bad as the other: it keeps away from both.
            study.tell(trial.theirs, state=importlib.import_module("optuna").trial.TrialState.PRUNED)
    return Trial(number=trial.number, values=trial.values, losses=tuple(trial.losses), state=state)


def _distributions(space: Space) -> dict[str, Any]:
    return {name: _distribution(option) for name, option in space.options.items()}


def _distribution(option: Range | Choices) -> Any:
    kinds = optuna_module().distributions
    if isinstance(option, Choices):
        return kinds.CategoricalDistribution(option.values)
    if option.whole:
        return kinds.IntDistribution(int(option.low), int(option.high), log=option.log)
    return kinds.FloatDistribution(option.low, option.high, log=option.log)
