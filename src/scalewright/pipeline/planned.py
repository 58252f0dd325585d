"""From data to the plan: every stage that comes before the final run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, NamedTuple

from scalewright.data import Dataset
from scalewright.documents import Document, Reason
from scalewright.errors import InputError
from scalewright.laws import Law, fit
from scalewright.ledger import Run, trunk_of
from scalewright.machines import Machine
from scalewright.machines.probe import probe
from scalewright.machines.speed import Speeds
from scalewright.pipeline.final_way import FinalWay, final_trunk, find_way
from scalewright.pipeline.foretold import store_once
from scalewright.pipeline.machine_file import trainable_here
from scalewright.pipeline.order import ladder_order, rough_settings, training_precision
from scalewright.pipeline.plan import Grounds, make_plan
from scalewright.pipeline.speeds import ladder_drift, time_models
from scalewright.pipeline.watch import Watch
from scalewright.pipeline.workspace import Workspace
from scalewright.planning import RECIPE_VERSION, Ladder, Plan, Recipe, choose, design_ladder
from scalewright.planning.rules import Settings
from scalewright.studies import LOCAL, Executor, LadderStudy, executor_named, ladder_recipe

HARD_STOP = 1.2
"""Training is stopped after so many times its budget of time."""
RESTLESS = 0.3
"""Relative spread of a step's time above which the timing is not to be trusted; 0.01 to 0.1 on an idle machine."""


class StudyRecipe(Document):
    """`recipe.json`: the settings that the ladder found, for every run after it."""

    KIND: ClassVar[str] = "recipe"

    recipe: Recipe


class Planned(NamedTuple):
    """A project whose final run is planned, and what the plan rests on."""

    machine: Machine
    dataset: Dataset
    ladder: Ladder
    recipe: Recipe
    runs: list[Run]
    law: Law
    plan: Plan


class Studied(NamedTuple):
    """A project whose small runs can begin."""

    machine: Machine
    dataset: Dataset
    speeds: Speeds
    ladder: Ladder
    recipe: Recipe
    study: LadderStudy


def plan_project(at: Workspace, workers: int | None, executor: str = LOCAL) -> Planned:
    """Data, probe, ladder, law and plan.

    Args:
        at: the project.
        workers: runs of the ladder side by side; by default one for each thread of this machine, or CPU of the cluster.
        executor: where they are carried out: `local`, or a Ray cluster's address.
    """
    with studied_project(at, workers, executor) as known:
        runs = _run_rungs(at, known.study, known.ladder, known.recipe)
    law = _fit(at, runs)
    plan = _plan(at, law, known.machine, known.dataset, known.ladder, known.recipe, known.speeds, runs)
    return Planned(known.machine, known.dataset, known.ladder, known.recipe, runs, law, plan)


@contextmanager
def studied_project(at: Workspace, workers: int | None, executor: str = LOCAL) -> Iterator[Studied]:
    """Data, probe, the ladder laid out and its recipe found; its executor is at work until the context is left.

    Args:
        at: the project.
        workers: runs side by side; by default one for each thread of this machine, or CPU of the cluster.
        executor: where they are carried out: `local`, or a Ray cluster's address.
    """
    # The data first: what is wrong with them is said before anything is measured.
    dataset = _prepare(at)
    machine = _probe(at)
    with executor_named(executor, workers, machine.threads) as carrying_out:
        settings = rough_settings(at.project.budget, machine)
        speeds = _time(at, machine, dataset, settings, carrying_out)
        # A cluster that has other nodes when a project goes on does not change its ladder.
        ladder = _design(at, dataset, settings, speeds, workers or speeds.ladder.beside + 1)
        study = LadderStudy(
            ladder,
            task=at.task.name,
            name=at.project.name,
            dataset=dataset,
            ledger=at.ledger,
            executor=carrying_out,
            folder=at.runs,
            progress=_StudyWatch(at.watch),
            given=at.project.recipe,
        )
        yield Studied(machine, dataset, speeds, ladder, _find_recipe(at, study, ladder), study)


def _probe(at: Workspace) -> Machine:
    """Measures this machine, once and for all of the project."""
    use = at.project.machine.use
    if use != "local":
        machine = trainable_here(at.root / use)
        at.watch.stage("probe", f"{machine.name}, from {use}")
        return machine
    at.watch.stage("probe", "measuring this machine")
    machine = at.stages.document(
        "machine",
        Machine,
        ["local"],
        lambda: probe(quick=True, device="cpu"),
        stands=lambda measured: measured.trusted or _begun(at),
    )
    rates = ", ".join(f"{name} {machine.rate(name) / 1e9:,.0f}" for name in sorted({m.dtype for m in machine.matmul}))
    at.watch.say(f"{machine.cpu}, {machine.threads} threads, {machine.memory_bytes / 2**30:.0f} GiB; GFLOP/s: {rates}")
    at.watch.say(f"precision {machine.precisions.advised}: {machine.reasons['precisions'].text}")
    for warning in machine.warnings:
        at.watch.warn(warning)
    return machine


def _prepare(at: Workspace) -> Dataset:
    """Reads, tokenises and packs the data."""
    at.watch.stage("prepare", "reading the data")
    dataset = at.task.prepare(
        at.project.text,
        at.state / "data",
        base=at.root,
        tokenizer=at.project.tokenizer,
        seed=at.project.seed,
        progress=lambda stage, fraction: at.watch.progress(fraction, 1.0, stage),
    )
    at.stages.finish("prepare", [dataset.hash])
    manifest = dataset.manifest
    train = manifest.splits["train"]
    at.watch.say(
        f"{train.documents:,} documents, {train.bytes / 1e6:.2f} MB, {train.tokens:,} training tokens "
        f"of a vocabulary of {manifest.vocabulary:,}"
    )
    for source in manifest.mixture:
        text = source.splits["train"]
        at.watch.say(
            f"{source.name}: {text.documents:,} documents, {text.bytes / 1e6:.2f} MB, {text.tokens:,} training tokens"
        )
    for name, reason in manifest.reasons.items():
        at.watch.say(f"{name.replace('_', ' ')}: {reason.text}")
    for note in (*manifest.notes, *manifest.warnings):
        at.watch.warn(note)
    return dataset


def _time(at: Workspace, machine: Machine, dataset: Dataset, settings: Settings, executor: Executor) -> Speeds:
    """Times training steps around the size that the budget may come to."""
    at.watch.stage("time", "timing training steps")
    precision, _ = training_precision(machine)
    speeds = at.stages.document(
        "speeds",
        Speeds,
        [machine.hash, dataset.hash, at.project.budget.model_dump(mode="json")],
        lambda: time_models(
            at.task.family(dataset.manifest.vocabulary, settings.context, machine.grain(precision)),
            settings.params,
            task=at.task.name,
            dataset=dataset,
            precision=precision,
            threads=machine.threads,
            batch_size=settings.batch_size,
            executor=executor,
        ),
        stands=lambda timed: max(timed.ladder.spread(), timed.final.spread()) <= RESTLESS or _begun(at),
    )
    for what, speed in (("side by side", speeds.ladder), ("alone", speeds.final)):
        found = ", ".join(
            f"{p.tokens_per_second:,.0f} tokens/s at {p.flops_per_token / 1e6:.1f} MFLOP/token" for p in speed.points
        )
        at.watch.say(f"{what}, {speed.threads} threads: {found}")
        if speed.spread() > RESTLESS:
            at.watch.warn(
                f"timed {what}, steps scatter by {speed.spread():.0%}: other programs were at work, and the plan may be for a "
                "slower machine than this one"
                + ("" if _begun(at) else "; stopped before its first run and started again, it is timed again")
            )
    return speeds


def _begun(at: Workspace) -> bool:
    """Whether runs rest on what was measured: it stays then, even if something disturbed it."""
    return at.runs.exists() and any(at.runs.iterdir())


def _design(at: Workspace, dataset: Dataset, settings: Settings, speeds: Speeds, workers: int) -> Ladder:
    """Lays out the ladder."""
    budget = at.project.budget
    given = at.project.recipe
    laid_out_by = [value for value in (given.schedule, given.decay_fraction) if value is not None]
    at.watch.stage("ladder", "laying out the small runs")
    ladder = at.stages.document(
        "ladder",
        Ladder,
        [dataset.hash, speeds.hash, budget.model_dump(mode="json"), workers, RECIPE_VERSION, *laid_out_by],
        lambda: design_ladder(
            ladder_order(
                budget,
                family=at.task.family(dataset.manifest.vocabulary, settings.context),
                settings=settings,
                speeds=speeds,
                workers=workers,
                supply=dataset.manifest.supply,
                seed=at.project.seed,
                given=given,
            )
        ),
    )
    for warning in ladder.warnings:
        at.watch.warn(warning)
    for name, reason in ladder.reasons.items():
        at.watch.say(f"{name.replace('_', ' ')}: {reason}")
    at.watch.say(f"predicted: {ladder.seconds:.0f} s")
    return ladder


def _find_recipe(at: Workspace, study: LadderStudy, ladder: Ladder) -> Recipe:
    """Finds the learning rate, once, unless it is given."""
    given = at.project.recipe
    shortest = min(rung.horizons[0] for rung in ladder.rungs)
    if (given.warmup_steps or 0) >= (1 - (given.decay_fraction or ladder.decay_fraction)) * shortest:
        raise InputError(
            f"recipe.warmup_steps: found {given.warmup_steps}, but the ladder's shortest run has {shortest} steps, its decay "
            "at their end: lower it, or raise the budget"
        )

    def make() -> StudyRecipe:
        if given.learning_rate is not None:
            rate, reason = given.learning_rate, Reason(origin="given", text="[recipe] in the project file")
        else:
            rate, reason = study.find_rate(at.project.seed)
        return StudyRecipe(recipe=ladder_recipe(ladder, rate, reason, given))

    inputs = [ladder.hash, *([given.values] if given.values else [])]
    recipe = at.stages.document("recipe", StudyRecipe, inputs, make).recipe
    for name, reason in recipe.reasons.items():
        at.watch.say(f"{name.replace('_', ' ')}: {reason}")
    return recipe


def _run_rungs(at: Workspace, study: LadderStudy, ladder: Ladder, recipe: Recipe) -> list[Run]:
    """Trains what is left of the ladder."""
    runs = study.run_rungs(recipe)
    at.stages.finish("rungs", [ladder.hash, recipe.deciding])
    at.watch.say(f"{len(runs)} runs, {sum(run.flops for run in runs):.1e} FLOPs")
    return runs


def _fit(at: Workspace, runs: list[Run]) -> Law:
    """Fits the law to the ladder's runs."""
    at.watch.stage("fit", "fitting the law")
    law = at.stages.document(
        "law",
        Law,
        [sorted(run.id for run in runs)],
        lambda: fit(
            [run.params for run in runs],
            [run.tokens for run in runs],
            [run.loss for run in runs],
            unique_tokens=[run.unique_tokens for run in runs],
            trunks=[trunk_of(run) for run in runs],
            seed=at.project.seed,
        ),
    )
    at.ledger.record_artefact("law", at.state / "law.json", law.hash, tuple(sorted(run.id for run in runs)))
    for form in law.forms:
        parameters = ", ".join(f"{name} {value:.4g}" for name, value in form.parameters.items())
        at.watch.say(f"{form.name} (weight {form.weight:.2f}): {parameters}")
    for warning in law.warnings:
        at.watch.warn(warning)
    return law


def _plan(
    at: Workspace,
    law: Law,
    machine: Machine,
    dataset: Dataset,
    ladder: Ladder,
    recipe: Recipe,
    speeds: Speeds,
    runs: list[Run],
) -> Plan:
    """Chooses the final model; its forecast is stored before anything is trained."""
    at.watch.stage("plan", "choosing the model")
    budget = at.project.budget
    on = Grounds(
        task=at.task,
        law=law,
        machine=machine,
        dataset=dataset,
        ladder=ladder,
        speed=speeds.final,
        drift=ladder_drift(runs, speeds.ladder),
        seconds=budget.seconds,
        flops=budget.flops,
    )
    inputs = [law.hash, machine.hash, dataset.hash, ladder.hash, recipe.deciding, speeds.hash]
    inputs.append(budget.model_dump(mode="json"))
    way = at.stages.document("way", FinalWay, inputs, lambda: _way(at, on, recipe))
    plan = at.stages.document(
        "plan",
        Plan,
        [*inputs, way.hash],
        lambda: make_plan(
            on,
            recipe,
            way,
            hard_stop=HARD_STOP,
            seed=at.project.seed,
            largest_rung_flops=max(run.flops for run in runs),
        ),
    )
    made_from = (law.hash, machine.hash, dataset.hash, ladder.hash)
    at.ledger.record_artefact("plan", at.state / "plan.json", plan.hash, made_from)
    stored = (
        ("loss", plan.forecast, plan.extrapolation),
        ("seconds", plan.forecast_seconds, plan.choice.flops / max(run.flops for run in runs)),
    )
    for quantity, interval, extrapolation in stored:
        store_once(at.ledger, plan.hash, plan.law_hash, quantity, interval, extrapolation)
    for name, reason in plan.reasons.items():
        at.watch.say(f"{name.replace('_', ' ')}: {reason}")
    said = plan.forecast
    at.watch.say(
        f"forecast of {plan.choice.params:,} params on {plan.choice.tokens:,} tokens: {said.value:.3f} {said.unit}, "
        f"{said.level:.0%}: {said.low:.3f} – {said.high:.3f}; {plan.forecast_seconds.value:.0f} s of training"
        + ("" if plan.limit_seconds is None else f", stopped at {plan.limit_seconds:.0f} s")
    )
    return plan


def _way(at: Workspace, on: Grounds, recipe: Recipe) -> FinalWay:
    """What is fastest for the model that would be chosen without it: the one that is chosen with it is hardly larger."""
    as_timed = FinalWay.as_timed(on.speed.threads)
    choice, _ = choose(on.front(as_timed))
    trunk = final_trunk(at, choice.shape, recipe, on.dataset.hash, choice.steps, on.speed.threads)
    return find_way(at, trunk, on.dataset)


class _StudyWatch:
    """Passes a study's progress on."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def work(self, done: float, total: float, what: str) -> None:
        """Reports the share of the study's FLOPs."""
        self.watch.progress(done, total, what)
