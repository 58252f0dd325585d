"""A project from its data to its report: each stage cached by the content of its inputs, the whole resumable."""

import math
from pathlib import Path
from typing import Any, ClassVar

import torch

from scalewright.compression import Variant, measure_variant
from scalewright.data import Dataset, load_tokenizer
from scalewright.documents import Document
from scalewright.inference import generate
from scalewright.laws import Law, fit
from scalewright.ledger import Forecast, Ledger, Run
from scalewright.machines import Machine
from scalewright.machines.probe import probe
from scalewright.machines.speed import Speeds
from scalewright.models import TRAINABLE, Llama, load_model, save_model, to_int8
from scalewright.pipeline.lock import project_lock
from scalewright.pipeline.outcome import ForecastAnswer, LossAnswer, Outcome
from scalewright.pipeline.plan import make_plan
from scalewright.pipeline.project import Project
from scalewright.pipeline.speeds import compute_in, ladder_drift, seconds_for, time_models
from scalewright.pipeline.stages import Stages
from scalewright.pipeline.watch import Silent, Watch
from scalewright.planning import Ladder, Plan, context_length, design_ladder, first_guess, ladder_batch
from scalewright.reports import ReportContent, write_report
from scalewright.studies import LadderStudy, LocalExecutor, ladder_recipe, ledger_run
from scalewright.tasks import Task, task_named
from scalewright.training import RECIPE_VERSION, Measured, Recipe, Trunk, train

DECAY_FRACTION = 0.2
HARD_STOP = 1.2
ASSUMED_UTILISATION = 0.25
"""Share of the probed rate that small models reach; only chooses the shapes to be timed."""
STATE = ".scalewright"


class StudyRecipe(Document):
    """`recipe.json`: the settings that the ladder found, for every run after it."""

    KIND: ClassVar[str] = "recipe"

    recipe: Recipe


class Variants(Document):
    """`variants.json`: the final model's forms as measured, and what it writes."""

    KIND: ClassVar[str] = "measured variants"

    test_loss: float
    variants: tuple[Variant, ...]
    prompt: str
    sample: str


def run_project(path: Path, *, watch: Watch | None = None, workers: int | None = None) -> Outcome:
    """Does everything that is left to do of the project at `path`; returns what it came to.

    Killed anywhere and called again, it goes on from the last finished run or checkpoint.

    Args:
        path: a project file.
        watch: hears of stages and progress.
        workers: processes for the ladder; by default one for each thread of the machine.

    Raises:
        InputError: the project file or its data are wrong.
        WorkError: the work failed; what was finished is kept.
    """
    project = Project.load(path)
    root = path.resolve().parent
    with project_lock(root / STATE), Ledger.open(root / STATE / "ledger.db") as ledger:
        return ProjectRun(project, root, ledger, watch or Silent(), workers).run()


class ProjectRun:
    """One pass through the stages of a project."""

    def __init__(self, project: Project, root: Path, ledger: Ledger, watch: Watch, workers: int | None) -> None:
        self.project, self.root, self.ledger, self.watch = project, root, ledger, watch
        self.state = root / STATE
        self.stages = Stages(self.state)
        self.task: Task = task_named(project.task)
        self.workers = workers

    def run(self) -> Outcome:
        """All stages in their order."""
        machine = self.probe()
        dataset = self.prepare()
        workers = self.workers or machine.threads
        with LocalExecutor(workers) as executor:
            context, speeds = self.time_models(machine, dataset, executor)
            ladder = self.design(dataset, context, speeds, workers)
            study = LadderStudy(
                ladder,
                task=self.task.name,
                name=self.project.name,
                dataset=dataset,
                ledger=self.ledger,
                executor=executor,
                folder=self.state / "runs",
                progress=_StudyWatch(self.watch),
            )
            recipe = self.find_recipe(study, ladder)
            runs = self.run_rungs(study, ladder, recipe)
        law = self.fit(runs, ladder)
        plan = self.plan(law, machine, dataset, ladder, recipe, speeds, runs)
        trunk, measured, final = self.train(plan, recipe, dataset)
        return self.deliver(machine, dataset, ladder, recipe, runs, law, plan, trunk, measured, final)

    def probe(self) -> Machine:
        """Measures this machine, once and for all of the project."""
        use = self.project.machine.use
        if use != "local":
            machine = Machine.load(self.root / use)
            self.watch.stage("probe", f"{machine.name}, from {use}")
            return machine
        self.watch.stage("probe", "measuring this machine")
        machine = self.stages.document("machine", Machine, ["local"], lambda: probe(quick=True))
        rates = ", ".join(
            f"{name} {machine.rate(name) / 1e9:,.0f}" for name in sorted({m.dtype for m in machine.matmul})
        )
        self.watch.say(
            f"{machine.cpu}, {machine.threads} threads, {machine.memory_bytes / 2**30:.0f} GiB; GFLOP/s: {rates}"
        )
        self.watch.say(f"precision {machine.precisions.advised}: {machine.reasons['precisions'].text}")
        for warning in machine.warnings:
            self.watch.warn(warning)
        return machine

    def prepare(self) -> Dataset:
        """Reads, tokenises and packs the data."""
        self.watch.stage("prepare", "reading the data")
        dataset = self.task.prepare(
            self.project.data,
            self.state / "data",
            base=self.root,
            tokenizer=self.project.tokenizer,
            seed=self.project.seed,
            progress=lambda stage, fraction: self.watch.progress(fraction, 1.0, stage),
        )
        self.stages.finish("prepare", [dataset.hash])
        manifest = dataset.manifest
        train = manifest.splits["train"]
        self.watch.say(
            f"{train.documents:,} documents, {train.bytes / 1e6:.2f} MB, {train.tokens:,} training tokens "
            f"of a vocabulary of {manifest.vocabulary:,}"
        )
        for name, reason in manifest.reasons.items():
            self.watch.say(f"{name.replace('_', ' ')}: {reason.text}")
        for note in (*manifest.notes, *manifest.warnings):
            self.watch.warn(note)
        return dataset

    def time_models(self, machine: Machine, dataset: Dataset, executor: LocalExecutor) -> tuple[int, Speeds]:
        """Times training steps around the size that the budget may come to; returns the context and the speeds."""
        budget = self.project.budget
        precision = machine.precisions.advised if machine.precisions.advised in TRAINABLE else "fp32"
        rough = budget.flops or ASSUMED_UTILISATION * machine.rate(precision) * (budget.seconds or 0.0)
        context, _ = context_length(rough)
        self.watch.stage("time", "timing training steps")
        speeds = self.stages.document(
            "speeds",
            Speeds,
            [machine.hash, dataset.hash, budget.model_dump(mode="json")],
            lambda: time_models(
                self.task.family(dataset.manifest.vocabulary, context),
                first_guess(rough)[0],
                task=self.task.name,
                dataset=dataset,
                precision=precision,
                threads=machine.threads,
                batch_size=ladder_batch(rough, context)[0],
                executor=executor,
            ),
        )
        for what, speed in (("side by side", speeds.ladder), ("alone", speeds.final)):
            found = ", ".join(
                f"{p.tokens_per_second:,.0f} tokens/s at {p.flops_per_token / 1e6:.1f} MFLOP/token"
                for p in speed.points
            )
            self.watch.say(f"{what}, {speed.threads} threads: {found}")
        return context, speeds

    def design(self, dataset: Dataset, context: int, speeds: Speeds, workers: int) -> Ladder:
        """Lays out the ladder."""
        budget = self.project.budget
        family = self.task.family(dataset.manifest.vocabulary, context)
        rate = speeds.final
        if budget.seconds is not None:
            seconds = budget.seconds
            target_flops = compute_in(seconds, family, rate, ASSUMED_UTILISATION * seconds * 1e11)
        else:
            assert budget.flops is not None
            target_flops, seconds = budget.flops, seconds_for(budget.flops, family, rate)
        self.watch.stage("ladder", "laying out the small runs")
        ladder = self.stages.document(
            "ladder",
            Ladder,
            [dataset.hash, speeds.hash, budget.model_dump(mode="json"), workers, RECIPE_VERSION],
            lambda: design_ladder(
                family,
                target_flops=target_flops,
                limit_seconds=budget.ladder * seconds,
                speed=speeds.ladder,
                workers=workers,
                data_tokens=dataset.manifest.splits["train"].tokens,
                decay_fraction=DECAY_FRACTION,
                precision=speeds.ladder.precision,
                seed=self.project.seed,
            ),
        )
        for name, reason in ladder.reasons.items():
            self.watch.say(f"{name.replace('_', ' ')}: {reason}")
        self.watch.say(f"predicted: {ladder.seconds:.0f} s")
        return ladder

    def find_recipe(self, study: LadderStudy, ladder: Ladder) -> Recipe:
        """Finds the learning rate, once."""

        def make() -> StudyRecipe:
            rate, reason = study.find_rate(self.project.seed)
            return StudyRecipe(recipe=ladder_recipe(ladder, rate, reason))

        recipe = self.stages.document("recipe", StudyRecipe, [ladder.hash], make).recipe
        self.watch.say(f"learning rate {recipe.learning_rate:.3g}: {recipe.reasons['learning_rate']}")
        return recipe

    def run_rungs(self, study: LadderStudy, ladder: Ladder, recipe: Recipe) -> list[Run]:
        """Trains what is left of the ladder."""
        runs = study.run_rungs(recipe)
        self.stages.finish("rungs", [ladder.hash, recipe.deciding])
        self.watch.say(f"{len(runs)} runs, {sum(run.flops for run in runs):.1e} FLOPs")
        return runs

    def fit(self, runs: list[Run], ladder: Ladder) -> Law:
        """Fits the law to the ladder's runs."""
        self.watch.stage("fit", "fitting the law")
        law = self.stages.document(
            "law",
            Law,
            [sorted(run.id for run in runs)],
            lambda: fit(
                [run.params for run in runs],
                [run.tokens for run in runs],
                [run.loss for run in runs],
                unique_tokens=[run.unique_tokens for run in runs],
                seed=self.project.seed,
            ),
        )
        for form in law.forms:
            parameters = ", ".join(f"{name} {value:.4g}" for name, value in form.parameters.items())
            self.watch.say(f"{form.name} (weight {form.weight:.2f}): {parameters}")
        for warning in law.warnings:
            self.watch.warn(warning)
        return law

    def plan(
        self,
        law: Law,
        machine: Machine,
        dataset: Dataset,
        ladder: Ladder,
        recipe: Recipe,
        speeds: Speeds,
        runs: list[Run],
    ) -> Plan:
        """Chooses the final model; its forecast is stored before anything is trained."""
        self.watch.stage("plan", "choosing the model")
        budget = self.project.budget
        plan = self.stages.document(
            "plan",
            Plan,
            [
                law.hash,
                machine.hash,
                dataset.hash,
                ladder.hash,
                recipe.deciding,
                speeds.hash,
                budget.model_dump(mode="json"),
            ],
            lambda: make_plan(
                task=self.task,
                law=law,
                machine=machine,
                dataset=dataset,
                ladder=ladder,
                recipe=recipe,
                speed=speeds.final,
                drift=ladder_drift(runs, speeds.ladder),
                seconds=budget.seconds,
                flops=budget.flops,
                hard_stop=HARD_STOP,
                seed=self.project.seed,
                largest_rung_flops=max(run.flops for run in runs),
            ),
        )
        stored = (
            ("loss", plan.forecast, plan.extrapolation),
            ("seconds", plan.forecast_seconds, plan.choice.flops / max(run.flops for run in runs)),
        )
        for quantity, interval, extrapolation in stored:
            if not any(f.quantity == quantity for f in self.ledger.forecasts(plan.hash)):
                self.ledger.store_forecast(
                    Forecast(
                        quantity=quantity,
                        unit=interval.unit,
                        value=interval.value,
                        low=interval.low,
                        high=interval.high,
                        level=interval.level,
                        extrapolation=extrapolation,
                        law_hash=plan.law_hash,
                        plan_hash=plan.hash,
                    )
                )
        for name, reason in plan.reasons.items():
            self.watch.say(f"{name.replace('_', ' ')}: {reason}")
        return plan

    def train(self, plan: Plan, recipe: Recipe, dataset: Dataset) -> tuple[Trunk, Measured, Run]:
        """Trains the planned model, then scores the forecast."""
        trunk = Trunk(
            task=self.task.name,
            shape=plan.choice.shape,
            recipe=recipe,
            data_hash=dataset.hash,
            seed=plan.seed,
            horizons=(plan.choice.steps,),
            threads=plan.threads,
        )
        folder = self.state / "runs" / trunk.address
        self.watch.stage("train", f"{plan.choice.params:,} params on {plan.choice.tokens:,} tokens")
        (measured,) = train(
            trunk,
            self.task,
            dataset,
            folder,
            limit_seconds=plan.limit_seconds or math.inf,
            progress=_TrainWatch(self.watch, plan),
        )
        known = self.ledger.run(measured.address)
        if known is None:
            model = self.task.build(trunk.shape)
            model.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
            test_loss = self.task.evaluate(model, dataset, "test", recipe.precision)
            known = self.ledger.record_run(
                ledger_run(
                    trunk,
                    measured,
                    study=self.project.name,
                    role="final",
                    dataset=dataset,
                    folder=folder,
                    test_loss=test_loss,
                )
            )
        self.ledger.score_forecast(plan.hash, "loss", known.loss)
        self.ledger.score_forecast(plan.hash, "seconds", known.seconds)
        self.stages.finish("train", [plan.hash, measured.address])
        self.watch.say(
            f"{known.seconds:.0f} s of training, {known.tokens_per_second:,.0f} tokens/s, "
            f"peak memory {known.peak_memory_bytes / 2**20:,.0f} MiB"
        )
        return trunk, measured, known

    def deliver(
        self,
        machine: Machine,
        dataset: Dataset,
        ladder: Ladder,
        recipe: Recipe,
        runs: list[Run],
        law: Law,
        plan: Plan,
        trunk: Trunk,
        measured: Measured,
        final: Run,
    ) -> Outcome:
        """Exports, compresses, measures and reports."""
        self.watch.stage("ship", "exporting, compressing, measuring")
        inputs = [plan.hash, measured.address, measured.loss]
        variants = self.stages.document("variants", Variants, inputs, lambda: self._ship(dataset, plan, trunk, final))
        for variant in variants.variants:
            self.watch.say(
                f"{variant.name}: {variant.bytes / 1e6:.2f} MB, validation {variant.loss:.4f}, test {variant.test_loss:.4f}, "
                f"{variant.tokens_per_second:,.0f} tokens/s generated"
            )
        forecasts = tuple(self.ledger.forecasts(plan.hash))
        forecast = next(f for f in forecasts if f.quantity == "loss")
        self.watch.stage("report", "report.html")

        def report() -> Outcome:
            searches = self.ledger.runs(role="search", data_hash=dataset.hash)
            content = ReportContent(
                name=self.project.name,
                loss_unit=self.task.loss_unit,
                machine=machine,
                dataset=dataset.manifest,
                ladder=ladder,
                learning_rate=recipe.learning_rate,
                recipe_reasons=recipe.reasons,
                runs=tuple(runs + searches),
                law=law,
                plan=plan,
                final=final,
                forecasts=forecasts,
                variants=variants.variants,
                sample_prompt=variants.prompt,
                sample=variants.sample,
                seconds=self.stages.seconds,
            )
            write_report(content, self.root / "report.html")
            assert forecast.error is not None
            return Outcome(
                forecast=ForecastAnswer(
                    loss=forecast.value,
                    low=forecast.low,
                    high=forecast.high,
                    level=forecast.level,
                    extrapolation=forecast.extrapolation,
                ),
                measured=LossAnswer(loss=final.loss),
                error=forecast.error,
                inside=bool(forecast.inside),
                test=LossAnswer(loss=variants.test_loss),
                loss_unit=self.task.loss_unit,
                compute_ratio=plan.compute_ratio,
                plan=str(self.state / "plan.json"),
                model=str(self.root / "model"),
                compressed=str(self.root / "compressed"),
                report=str(self.root / "report.html"),
                variants=variants.variants,
                seconds=self.stages.seconds,
            )

        return self.stages.document("outcome", Outcome, [*inputs, variants.hash], report)

    def _ship(self, dataset: Dataset, plan: Plan, trunk: Trunk, final: Run) -> Variants:
        model = self.task.build(trunk.shape).eval()
        weights = torch.load(self.state / "runs" / trunk.address / "weights.pt", weights_only=True)
        model.load_state_dict(weights)
        card: dict[str, Any] = {
            "name": self.project.name,
            "params": final.params,
            "params_total": final.params_total,
            "tokens": final.tokens,
            "loss": final.loss,
            "test_loss": final.test_loss,
            "loss_unit": self.task.loss_unit,
            "plan": plan.hash,
            "data": dataset.hash,
        }
        trained_path, int8_path = (
            save_model(
                model,
                self.root / name,
                tokenizer=dataset.tokenizer_path,
                end_of_text=dataset.manifest.end_of_text,
                card=card,
                bits=bits,
            )
            for name, bits in (("model", 32), ("compressed", 8))
        )
        int8 = to_int8(load_model(self.root / "compressed"))
        assert isinstance(int8, Llama)
        tokenizer = load_tokenizer(dataset.tokenizer_path)
        prompt = [int(token) for token in dataset.tokens("test")[: plan.choice.shape.context // 8]]
        written_tokens = generate(model, prompt, plan.choice.shape.context, temperature=0.8, seed=plan.seed)
        assert final.test_loss is not None
        return Variants(
            test_loss=final.test_loss,
            variants=(
                measure_variant("trained", model, trained_path, self.task, dataset),
                measure_variant("int8", int8, int8_path, self.task, dataset),
            ),
            prompt=tokenizer.decode(prompt),
            sample=tokenizer.decode(written_tokens),
        )


class _StudyWatch:
    """Passes a study's progress on."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def work(self, done: float, total: float, what: str) -> None:
        """Reports the share of the study's FLOPs."""
        self.watch.progress(done, total, what)


class _TrainWatch:
    """Passes the final run's progress on: loss, speed, utilisation."""

    def __init__(self, watch: Watch, plan: Plan) -> None:
        self.watch, self.plan = watch, plan

    def step(self, step: int, total: int, loss: float, tokens_per_second: float) -> None:
        """Reports a step."""
        used = tokens_per_second / self.plan.tokens_per_second * self.plan.mfu
        self.watch.progress(
            step, total, f"loss {loss:.3f}  {tokens_per_second:,.0f} tokens/s  {used:.0%} of the probed rate"
        )
