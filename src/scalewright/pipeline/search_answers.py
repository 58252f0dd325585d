"""What a search is asked for, and what it answers: its cost before it starts, and what came of it."""

import json
from typing import ClassVar

from pydantic import Field

from scalewright.architectures import LlamaFamily
from scalewright.documents import Document, Part, Reason
from scalewright.planning import Given, Ladder, nearest_shape
from scalewright.studies import Cost, Pruner, SearchDesign, Space, Trial, Value, design_search


class SearchOrder(Part):
    """What is asked for."""

    space: Space
    trials: int = 20
    """The rules' own values are the first of them."""
    pruner: Pruner = "median"
    params: float | None = Field(default=None, gt=0)
    """Of the model that is trained; the ladder's smallest size by default."""
    tokens: float | None = Field(default=None, gt=0)
    """That each trial sees at most; those of the ladder's smallest rung by default."""

    def design(self, ladder: Ladder, family: LlamaFamily, given: Given, workers: int, seed: int) -> SearchDesign:
        """The search beside a ladder.

        Raises:
            InputError: the space and the ladder do not go together.
        """
        return design_search(
            ladder,
            self.space,
            given,
            trials=self.trials,
            pruner=self.pruner,
            workers=workers,
            seed=seed,
            shape=None if self.params is None else nearest_shape(family, self.params),
            tokens=self.tokens,
        )


class SearchEstimate(Document):
    """`search --dry-run --json` prints this."""

    KIND: ClassVar[str] = "estimate of a search"

    trials: int
    together: int
    """Trials in a round."""
    workers: int
    pruner: Pruner
    params: int
    tokens: tuple[int, ...]
    """At each milestone, the last of which is a trial's end."""
    before: Cost
    """Of finding the learning rate by the rules, where it is not known yet."""
    most: Cost
    """Where nothing is pruned."""
    typical: Cost
    reasons: dict[str, Reason]

    def lines(self) -> list[str]:
        """For people."""
        milestones = ", ".join(f"{tokens:,}" for tokens in self.tokens)
        before = [
            f"before    {self.before.flops:.2e} FLOPs, {self.before.seconds:,.0f} s: {self.reasons['before'].text}"
        ]
        return [
            *(before if self.before.flops else []),
            f"trials    {self.trials} of {self.params:,} params, {self.together} in a round on {self.workers} workers; scored "
            f"at {milestones} tokens",
            f"at most   {self.most.flops:.2e} FLOPs, {self.most.seconds:,.0f} s: {self.reasons['most'].text}",
            f"typical   {self.typical.flops:.2e} FLOPs, {self.typical.seconds:,.0f} s: {self.reasons['typical']}",
            f"speed     {self.reasons['speed']}",
        ]


class Searched(Document):
    """`search --json` prints this; `search.json` in the project's state."""

    KIND: ClassVar[str] = "search"

    best: dict[str, Value]
    """Values of the options that were searched, of the trial of least loss."""
    loss: float
    """That it reached."""
    rules: dict[str, Value]
    """Values of the same options by the rules."""
    rules_loss: float
    loss_unit: str
    improvement: float
    """By which share of the rules' loss the best one is lower."""
    least_improvement: float | None
    """Below which it may be the luck of a seed; None where the ledger has no runs that differ in their seed alone."""
    beyond_noise: bool | None
    importance: dict[str, float]
    """Of each option, in all 1; empty where there are too few trials to tell."""
    complete: int
    pruned: int
    failed: int
    """Trials whose loss was no number."""
    trials: tuple[Trial, ...]
    runs: tuple[str, ...]
    """Address in the ledger of each trial's last run."""
    estimate: SearchEstimate
    spent: Cost
    """FLOPs and seconds of training of all trials, those included that had been trained before, for the ladder say."""
    warnings: tuple[str, ...]
    recipe: dict[str, Value]
    """The table `[recipe]` that makes the best values the project's: what was given before, and where they leave the rules."""
    reasons: dict[str, Reason]

    def lines(self) -> list[str]:
        """For people."""
        of_rules = ", ".join(f"{name} {shown(value)}" for name, value in self.rules.items())
        found = [f"rules     {self.rules_loss:.4f} {self.loss_unit}: {of_rules}"]
        if self.improvement > 0:
            of_best = ", ".join(f"{name} {shown(value)}" for name, value in self.best.items())
            found.append(f"best      {self.loss:.4f} {self.loss_unit}, {self.improvement:.2%} lower: {of_best}")
        else:
            found.append("best      the rules' own values: nothing that was tried is better")
        found.append(f"noise     {self.reasons['beyond_noise'].text}")
        if self.importance:
            shares = ", ".join(f"{name} {share:.0%}" for name, share in self.importance.items())
            found.append(f"counts    {shares}, at the first milestone")
        found.append(
            f"trials    {self.complete} complete, {self.pruned} pruned, {self.failed} failed; {self.spent.flops:.2e} FLOPs, "
            f"{self.spent.seconds:,.0f} s of training by all workers"
        )
        found += [f"warning   {warning}" for warning in self.warnings]
        if self.improvement > 0:
            within = "" if self.beyond_noise else ", though the rules may be as good"
            found += [f"in project.toml{within}:", "", *self.table()]
        return found

    def table(self) -> list[str]:
        """The lines of `[recipe]` in a project file."""
        return ["[recipe]", *(f"{name} = {json.dumps(value)}" for name, value in self.recipe.items())]


def shown(value: Value) -> str:
    """A value in few digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return "by the rules" if value is None else str(value)
