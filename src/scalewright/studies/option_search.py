"""A search over the options of a recipe: what is trained, what it will cost, and the trainings themselves."""

import math
import shutil
from collections.abc import Sequence
from typing import Self

from pydantic import Field, ValidationError, model_validator

from scalewright.architectures import LlamaShape
from scalewright.documents import Part, Reason, first_problem
from scalewright.errors import InputError
from scalewright.planning.given import Given
from scalewright.planning.ladder import Ladder, trunk_steps
from scalewright.planning.layout import EVALUATION_SHARE
from scalewright.planning.recipe import Recipe
from scalewright.studies.ladder import LadderStudy, StudyProgress, ladder_recipe, trunks_of
from scalewright.studies.space import Space, Values
from scalewright.studies.trials import Pruner, Trial, search
from scalewright.training import Trunk
from scalewright.training.loop import TRUNK

LEAST_TOGETHER = 4
"""Trials in a round, at least: with fewer, processors wait for one another where trials are pruned."""
ROUNDS = 4
"""A round is not made larger than this part of all trials: later ones learn from earlier ones."""
LEFT = 0.5
"""Assumed share of the trials of a round that are left at each milestone: the median leaves half of those that are alike."""


class SearchDesign(Part):
    """What a search trains."""

    space: Space
    given: Given
    """What holds for all trials."""
    trials: int = Field(ge=2)
    """The rules' own among them."""
    together: int = Field(ge=1)
    """Trials in a round."""
    pruner: Pruner
    seed: int
    shape: LlamaShape
    horizons: tuple[int, ...]
    """Steps after which a training is scored, its decay done; the last one is its end."""
    tokens_per_step: int
    warmup_steps: int
    """By the rules, or given."""
    decay_fraction: float

    @model_validator(mode="after")
    def _warm_before_the_decay(self) -> Self:
        warmup = self.space.most("warmup_steps", self.warmup_steps)
        begin = self.horizons[0] - math.ceil(self.space.most("decay_fraction", self.decay_fraction) * self.horizons[0])
        if warmup >= begin:
            raise ValueError(
                f"the shortest training has {self.horizons[0]:,} steps and decays from step {begin:,} on, but up to "
                f"{warmup:,.0f} steps of warmup: expected fewer: raise --tokens, or lower warmup_steps"
            )
        return self

    @property
    def rounds(self) -> list[int]:
        """Trials of each round."""
        whole, rest = divmod(self.trials, self.together)
        return [self.together] * whole + [rest] * bool(rest)

    def steps(self, milestone: int) -> float:
        """Steps of a trial up to a milestone, at most: what its branches share is counted once, where they can share it."""
        schedules = self.space.others("schedule", self.given.schedule or "wsd")
        shared = schedules == {"wsd"}
        beside = self.space.most("decay_fraction", self.decay_fraction) if shared else 1.0
        return trunk_steps(self.horizons[: milestone + 1], beside)

    def flops(self, milestone: int) -> float:
        """FLOPs of a trial up to a milestone, at most."""
        return self.steps(milestone) * self.tokens_per_step * self.shape.train_flops_per_token


class Cost(Part):
    """What trials cost."""

    flops: float
    seconds: float
    """Of wall time, or of all workers together."""


NOTHING = Cost(flops=0.0, seconds=0.0)
"""What is done already costs."""


def design_search(
    ladder: Ladder,
    space: Space,
    given: Given,
    *,
    trials: int,
    pruner: Pruner,
    workers: int,
    seed: int,
    shape: LlamaShape | None = None,
    tokens: float | None = None,
) -> SearchDesign:
    """Lays out a search beside a ladder: by default its smallest rung is what each trial trains.

    Args:
        ladder: What the trials share their settings with.
        space: Where to look.
        given: What holds for all trials.
        trials: How many, the rules' own among them.
        pruner: Who stops trials.
        workers: Side by side, when the ladder was laid out.
        seed: Of weights, data's order and sampler.
        shape: Of the model; the ladder's smallest by default.
        tokens: Of a whole trial, scored at a quarter, a half and its end; by default those of the smallest rung, where it is.

    Raises:
        InputError: a combination makes no recipe, or the trials are too short for their warmup.
    """
    space.check(given)
    smallest = min((rung for rung in ladder.rungs if rung.role == "ladder"), key=lambda rung: rung.shape.params)
    steps = 0 if tokens is None else round(tokens / ladder.tokens_per_step)
    horizons = smallest.horizons if tokens is None else (steps // 4, steps // 2, steps)
    try:
        return SearchDesign(
            space=space,
            given=given,
            trials=trials,
            together=max(LEAST_TOGETHER, min(workers, trials // ROUNDS)),
            pruner=pruner,
            seed=seed,
            shape=shape or smallest.shape,
            horizons=horizons,
            tokens_per_step=ladder.tokens_per_step,
            warmup_steps=given.warmup_steps or ladder.warmup_steps,
            decay_fraction=given.decay_fraction or ladder.decay_fraction,
        )
    except ValidationError as error:
        raise InputError(f"search: {first_problem(error).removeprefix('document: ')}") from None


def expected_cost(design: SearchDesign, tokens_per_second: float, workers: int, pruned: bool) -> Cost:
    """What a search will cost.

    Args:
        design: What is trained.
        tokens_per_second: Of one worker beside the others.
        workers: Side by side.
        pruned: Whether half of a round is taken to be stopped at each milestone, from the second round on where the median
            judges; else nothing is, which is the most that it can cost.
    """
    flops, seconds = 0.0, 0.0
    for number, size in enumerate(design.rounds):
        for milestone in range(len(design.horizons)):
            judged = pruned and design.pruner != "none" and (number > 0 or design.pruner == "halving")
            left = math.ceil(size * LEFT**milestone) if judged else size
            steps = design.steps(milestone) - (design.steps(milestone - 1) if milestone else 0.0)
            tokens = steps * design.tokens_per_step
            flops += left * tokens * design.shape.train_flops_per_token
            seconds += math.ceil(left / workers) * tokens / tokens_per_second * EVALUATION_SHARE
    return Cost(flops=flops, seconds=seconds)


class OptionSearch:
    """A search at work: its trainings are runs of the ledger, and those that are there already are not trained again.

    Args:
        design: What is searched.
        study: The ladder's, whose data, executor and ledger are used.
        rules: The recipe as it is without the search.
    """

    def __init__(self, design: SearchDesign, study: LadderStudy, rules: Recipe) -> None:
        self.design, self.study, self.rules = design, study, rules
        self._ended = 0  # trials of the rounds before
        self._round = 0  # trials of this round
        self._under_way: set[str] = set()  # addresses of the trunks that were asked for last

    @property
    def rules_values(self) -> Values:
        """What the rules say of the options."""
        values: Values = {name: getattr(self.rules, name) for name in self.design.space.options}
        return values

    def run(self) -> list[Trial]:
        """Trains what is left to train; all trials, the rules' first."""
        design, self._ended, self._round = self.design, 0, 0
        trials = search(
            design.space,
            self.rules_values,
            self.losses_at,
            trials=design.trials,
            together=design.together,
            milestones=len(design.horizons),
            pruner=design.pruner,
            seed=design.seed,
        )
        self._go_on_with(set())
        return trials

    def recipe(self, values: Values) -> Recipe:
        """The recipe with these values; what they leave open is by the rules, which may follow from them."""
        tried = Reason(origin="derived", text="that of the rules")
        return ladder_recipe(self.study.ladder, self.rules.learning_rate, tried, self.design.given.with_values(values))

    def trunk(self, values: Values, milestone: int) -> Trunk:
        """The training of these values as far as a milestone, with those before it where they share their beginning."""
        recipe = self.recipe(values)
        horizon = self.design.horizons[milestone]
        horizons = next(each for each in trunks_of(recipe, self.design.horizons) if horizon in each)
        return Trunk(
            task=self.study.task,
            shape=self.design.shape,
            recipe=recipe,
            data_hash=self.study.dataset.hash,
            seed=self.design.seed,
            horizons=horizons,
            threads=1,
        )

    def run_id(self, values: Values, milestone: int) -> str:
        """Address of a trial's run in the ledger."""
        return self.trunk(values, milestone).run_address(self.design.horizons[milestone])

    def losses_at(self, asked: Sequence[Values], milestone: int) -> list[float]:
        """Losses of these values at a milestone, infinite where training failed."""
        horizon = self.design.horizons[milestone]
        trunks = [self.trunk(values, milestone) for values in asked]
        self._go_on_with({trunk.address for trunk in trunks})
        # Two trials may have come to the same values.
        missing = {
            trunk.address: trunk for trunk in trunks if self.study.ledger.run(trunk.run_address(horizon)) is None
        }
        progress = self._progress(len(asked), milestone)
        if missing:
            branches = {address: trunk.horizons.index(horizon) + 1 for address, trunk in missing.items()}
            self.study.train(list(missing.values()), "trial", "trials", branches=branches, progress=progress)
        found = [self.study.ledger.run(trunk.run_address(horizon)) for trunk in trunks]
        return [math.inf if run is None else run.loss for run in found]

    def spent(self, trials: Sequence[Trial]) -> Cost:
        """FLOPs and seconds of training of the trials' runs, each counted once; those that failed are not known."""
        costs: dict[str, Cost] = {}
        for trial in trials:
            for milestone in range(len(trial.losses)):
                trunk, horizon = self.trunk(trial.values, milestone), self.design.horizons[milestone]
                run = self.study.ledger.run(trunk.run_address(horizon))
                if run is None:
                    continue
                # A trunk and the branches that were trained of it; a run counts the trunk to its own end.
                before = trunk.horizons[: trunk.horizons.index(horizon) + 1]
                times = trunk_steps(before, trunk.recipe.decay_fraction) / horizon
                # Of two trials of the same values one may have been pruned earlier.
                cost = Cost(flops=times * run.flops, seconds=times * run.seconds)
                costs[trunk.address] = max(cost, costs.get(trunk.address, cost), key=lambda each: each.flops)
        return Cost(flops=sum(cost.flops for cost in costs.values()), seconds=sum(c.seconds for c in costs.values()))

    def _go_on_with(self, addresses: set[str]) -> None:
        """Nobody goes on with the others: their checkpoints, each three times a model's size, are removed."""
        for address in self._under_way - addresses:
            shutil.rmtree(self.study.folder / address / TRUNK, ignore_errors=True)
        self._under_way = addresses

    def _progress(self, asked: int, milestone: int) -> StudyProgress:
        """That of these trainings as a part of the whole search: what is pruned is done."""
        if milestone == 0:
            self._ended, self._round = self._ended + self._round, asked
        whole = self.design.flops(len(self.design.horizons) - 1)
        begun = self.design.flops(milestone - 1) if milestone else 0.0
        done = (self._ended + self._round - asked) * whole + asked * begun
        return _Part(
            self.study.progress, done, asked * (self.design.flops(milestone) - begun), self.design.trials * whole
        )


class _Part:
    """Passes on the progress of a part of some work."""

    def __init__(self, whole: StudyProgress, done: float, cost: float, total: float) -> None:
        self._whole, self._done, self._cost, self._total = whole, done, cost, total

    def work(self, done: float, total: float, what: str) -> None:
        """`done` of the part's `total`."""
        self._whole.work(self._done + self._cost * done / total, self._total, what)
