"""Running a ladder: the search for the learning rate, then every rung, each finished run into the ledger at once."""

import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

from scalewright.data import Dataset
from scalewright.documents import Reason
from scalewright.ledger import SEARCHES, Ledger, Role, Run
from scalewright.planning.given import BY_THE_RULES, Given
from scalewright.planning.ladder import Ladder, trunk_steps
from scalewright.planning.recipe import DEFAULT_REASONS, Recipe
from scalewright.studies.executor import Executor, Tick
from scalewright.studies.search import search_rate
from scalewright.studies.work import TrunkJob, train_job, train_or_diverge
from scalewright.tasks import Prepared, trainable_named
from scalewright.training import Measured, Trunk

CHECKPOINT_SECONDS = 15.0


class StudyProgress(Protocol):
    """Hears how a study gets on."""

    def work(self, done: float, total: float, what: str) -> None:
        """`done` of `total` FLOPs are spent; `what` is at hand."""


def ladder_recipe(ladder: Ladder, learning_rate: float, reason: Reason, given: Given = BY_THE_RULES) -> Recipe:
    """The recipe that every run of the ladder and the final run share: by the rules, but for what is given."""
    learning_rate = given.learning_rate or learning_rate
    rules = Recipe(
        learning_rate=learning_rate,
        base_width=ladder.base_width,
        base_depth=ladder.base_depth,
        batch_size=ladder.batch_size,
        warmup_steps=ladder.warmup_steps,
        decay_fraction=ladder.decay_fraction,
        weight_decay=1 / (learning_rate * ladder.target_steps),
        precision=ladder.precision,
        reasons=DEFAULT_REASONS
        | {name: ladder.reasons[name] for name in ("batch_size", "warmup_steps")}
        | {
            "learning_rate": reason,
            "weight_decay": Reason(
                origin="derived",
                text=f"1/(learning rate x {ladder.target_steps:,} steps): weights forget their past over the length that the "
                "final run was expected to have (Wang & Aitchison 2024, arXiv:2405.13698); a stronger decay would cost long "
                "runs more than short ones and bend the law (docs/log.md)",
            ),
        },
    )
    return given.over(rules)


def trunks_of(recipe: Recipe, horizons: Sequence[int]) -> list[tuple[int, ...]]:
    """Horizons that are trained together: all of them as branches of one trunk, or each for itself."""
    return [tuple(horizons)] if recipe.schedule == "wsd" else [(horizon,) for horizon in horizons]


class LadderStudy:
    """A ladder at work on one dataset."""

    def __init__(
        self,
        ladder: Ladder,
        *,
        task: str,
        name: str,
        dataset: Dataset,
        ledger: Ledger,
        executor: Executor,
        folder: Path,
        progress: StudyProgress,
        device: str = "cpu",
        given: Given = BY_THE_RULES,
    ) -> None:
        self.ladder, self.task, self.name, self.dataset = ladder, task, name, dataset
        self.ledger, self.executor, self.folder, self.progress = ledger, executor, folder, progress
        self.device, self.given = device, given

    def find_rate(self, seed: int) -> tuple[float, Reason]:
        """Searches the learning rate at the ladder's smallest size."""

        def losses_at(rates: Sequence[float]) -> Mapping[float, float]:
            trunks = {rate: self._search_trunk(rate, seed) for rate in rates}
            measured = self.train(list(trunks.values()), "search", "learning rate")
            return {
                rate: measured[trunk.address][0].loss if measured[trunk.address] else float("inf")
                for rate, trunk in trunks.items()
            }

        rate, reason = search_rate(losses_at)
        shape = self.ladder.search_shape
        at = f"at {shape.params:,} params and {self.ladder.search_horizon * self.ladder.tokens_per_step:,} tokens; "
        carried = "carried over width and depth by µP and CompleteP (arXiv:2203.03466, arXiv:2505.01618)"
        return rate, Reason(origin=reason.origin, text=f"{reason.text}, {at}{carried}")

    def run_rungs(self, recipe: Recipe) -> list[Run]:
        """Trains every rung that the ledger does not hold yet; returns the runs of all rungs."""
        trunks = [
            (
                Trunk(
                    task=self.task,
                    shape=rung.shape,
                    recipe=recipe,
                    data_hash=self.dataset.hash,
                    seed=rung.seed,
                    horizons=horizons,
                    unique_tokens=rung.unique_tokens,
                    threads=1,
                ),
                rung.role,
            )
            for rung in self.ladder.rungs
            for horizons in trunks_of(recipe, rung.horizons)
        ]
        roles = {trunk.address: role for trunk, role in trunks}
        self.train([trunk for trunk, _ in trunks if not self._known(trunk)], roles, "ladder")
        found = [self.ledger.run(trunk.run_address(horizon)) for trunk, _ in trunks for horizon in trunk.horizons]
        return [run for run in found if run is not None]

    def _known(self, trunk: Trunk) -> bool:
        # What a search made first is recorded once more, for the ladder.
        runs = [self.ledger.run(trunk.run_address(horizon)) for horizon in trunk.horizons]
        return all(run is not None and run.role not in SEARCHES for run in runs)

    def _search_trunk(self, rate: float, seed: int) -> Trunk:
        return Trunk(
            task=self.task,
            shape=self.ladder.search_shape,
            recipe=ladder_recipe(
                self.ladder, rate, Reason(origin="derived", text="one of the rates tried"), self.given
            ),
            data_hash=self.dataset.hash,
            seed=seed,
            horizons=(self.ladder.search_horizon,),
            threads=1,
        )

    def train(
        self,
        trunks: Sequence[Trunk],
        role: Role | Mapping[str, Role],
        what: str,
        *,
        branches: Mapping[str, int] | None = None,
        progress: StudyProgress | None = None,
    ) -> dict[str, list[Measured]]:
        """Trains trunks, longest first; in a search, one whose loss is not finite answers with an empty list.

        Args:
            trunks: what to train.
            role: of all runs, or by the trunk's address.
            what: the work at hand, for the progress.
            branches: how many of a trunk's branches are wanted, by its address; all of them else.
            progress: in the place of the study's own.
        """
        told, branches = progress or self.progress, branches or {}
        horizons = {trunk.address: trunk.horizons[: branches.get(trunk.address)] for trunk in trunks}
        work = {
            trunk.address: trunk_steps(horizons[trunk.address], trunk.recipe.decay_fraction)
            * trunk.tokens_per_step
            * trunk.shape.train_flops_per_token
            for trunk in trunks
        }
        share = {address: work[address] / horizons[address][-1] for address in work}
        spent = dict.fromkeys(work, 0.0)
        total = sum(work.values())

        def heard(tick: Tick) -> None:
            address, steps = tick
            if address in spent:
                spent[address] = max(spent[address], min(steps * share[address], work[address]))
                told.work(sum(spent.values()), total, what)

        jobs = [
            TrunkJob(
                trunk,
                self.dataset.folder,
                self.folder / trunk.address,
                CHECKPOINT_SECONDS,
                self.device,
                branches.get(trunk.address),
            )
            for trunk in sorted(trunks, key=lambda trunk: -work[trunk.address])
        ]
        answers: dict[str, list[Measured]] = {}
        searching = role in SEARCHES
        for job, measured in self.executor.run(train_or_diverge if searching else train_job, jobs, heard):
            trunk = job.trunk
            for one in measured:
                self.ledger.record_run(
                    ledger_run(
                        trunk,
                        one,
                        study=self.name,
                        role=role if isinstance(role, str) else role[trunk.address],
                        dataset=self.dataset,
                        folder=job.folder,
                    )
                )
            answers[trunk.address] = measured
            spent[trunk.address] = work[trunk.address]
            told.work(sum(spent.values()), total, what)
        return answers


def ledger_run(
    trunk: Trunk,
    measured: Measured,
    *,
    study: str,
    role: Role,
    dataset: Prepared,
    folder: Path,
) -> Run:
    """The ledger's row of a finished branch."""
    unique = round(float(dataset.supply.limited(trunk.unique_tokens).unique(measured.tokens)))
    return Run(
        id=measured.address,
        study=study,
        role=role,
        configuration=trunk.recorded | {"steps": measured.horizon},
        data_hash=dataset.hash,
        tokenizer_hash=dataset.tokenizer_hash,
        task=trunk.task,
        context=getattr(trunk.shape, "context", None),
        recipe_version=trunk.recipe.version,
        seed=trunk.seed,
        params=trunk.shape.params,
        params_total=trunk.shape.params_total,
        tokens=unique if trainable_named(trunk.task).supervised else measured.tokens,
        unique_tokens=unique,
        flops=measured.flops,
        precision=trunk.recipe.precision,
        layout="single",
        loss=measured.loss,
        test_loss=measured.test_loss,
        metrics=measured.metrics,
        curve=[list(point) for point in measured.curve],
        seconds=measured.seconds,
        tokens_per_second=measured.tokens_per_second,
        peak_memory_bytes=measured.peak_memory_bytes,
        commit=_commit(),
        folder=folder.name,
    )


@cache
def _commit() -> str | None:
    """The version of the code, where it runs from a git checkout of its own, not from somebody else's."""
    here = Path(__file__)
    try:
        for asked in (["ls-files", "--error-unmatch", here.name], ["rev-parse", "HEAD"]):
            answer = subprocess.run(
                ["git", *asked], cwd=here.parent, capture_output=True, text=True, check=True, timeout=5
            )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
