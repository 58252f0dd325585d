"""What a finished project gives its user: the model, its int8 form, what both measure, and the report."""

from typing import ClassVar

from scalewright.compression import Variant, measure_variant
from scalewright.data import load_tokenizer
from scalewright.documents import Document
from scalewright.files import file_hash
from scalewright.inference import generate
from scalewright.models import MODEL_FILES, Llama, load_model, save_model, to_int8
from scalewright.pipeline.final import Final
from scalewright.pipeline.outcome import ForecastAnswer, LossAnswer, Outcome
from scalewright.pipeline.planned import Planned
from scalewright.pipeline.trained import model_card
from scalewright.pipeline.workspace import Workspace
from scalewright.reports import ReportContent, write_report


class Variants(Document):
    """`variants.json`: the final model's forms as measured, and what it writes."""

    KIND: ClassVar[str] = "measured variants"

    test_loss: float
    variants: tuple[Variant, ...]
    prompt: str
    sample: str


def ship(at: Workspace, planned: Planned, final: Final) -> Outcome:
    """Exports, compresses, measures and reports."""
    plan = planned.plan
    at.watch.stage("ship", "exporting, compressing, measuring")
    inputs = [at.project.name, plan.hash, final.run.id, final.run.loss]
    variants = at.stages.document(
        "variants",
        Variants,
        inputs,
        lambda: _measure_variants(at, planned, final),
        [at.root / name / file for name in ("model", "compressed") for file in MODEL_FILES],
    )
    for name in ("model", "compressed"):
        weights = at.root / name / "model.safetensors"
        at.ledger.record_artefact("model", at.root / name, file_hash(weights), (plan.hash, final.run.id))
    for variant in variants.variants:
        at.watch.say(
            f"{variant.name}: {variant.bytes / 1e6:.2f} MB, validation {variant.loss:.4f}, test {variant.test_loss:.4f}, "
            f"{variant.tokens_per_second:,.0f} tokens/s generated"
        )
    at.watch.stage("report", "report.html")
    return at.stages.document(
        "outcome",
        Outcome,
        [*inputs, variants.hash, str(at.root)],
        lambda: _report(at, planned, final, variants),
        [at.root / "report.html"],
    )


def _measure_variants(at: Workspace, planned: Planned, final: Final) -> Variants:
    plan, dataset, run = planned.plan, planned.dataset, final.run
    model = final.model.eval()
    card = {"name": at.project.name} | model_card(run, at.task.loss_unit, plan.hash)
    trained_path, int8_path = (
        save_model(
            model,
            at.root / name,
            tokenizer=dataset.tokenizer_path,
            end_of_text=dataset.manifest.end_of_text,
            card=card,
            bits=bits,
        )
        for name, bits in (("model", 32), ("compressed", 8))
    )
    int8 = to_int8(load_model(at.root / "compressed"))
    assert isinstance(int8, Llama)
    tokenizer = load_tokenizer(dataset.tokenizer_path)
    prompt = [int(token) for token in dataset.tokens("test")[: plan.choice.shape.context // 8]]
    written = generate(model, prompt, plan.choice.shape.context, temperature=0.8, seed=plan.seed)
    assert run.test_loss is not None
    return Variants(
        test_loss=run.test_loss,
        variants=(
            measure_variant("trained", model, trained_path, at.task, dataset),
            measure_variant("int8", int8, int8_path, at.task, dataset),
        ),
        prompt=tokenizer.decode(prompt),
        sample=tokenizer.decode(written),
    )


def _report(at: Workspace, planned: Planned, final: Final, variants: Variants) -> Outcome:
    plan, dataset = planned.plan, planned.dataset
    forecasts = tuple(at.ledger.forecasts(plan.hash))
    known = any(f.measured is None for f in forecasts)
    for unscored in (f for f in forecasts if f.measured is None):
        # Shown beside what was measured all the same; the ledger's row stays without a score.
        unscored.measured = getattr(final.run, unscored.quantity)
    forecast = next(f for f in forecasts if f.quantity == "loss")
    assert forecast.error is not None
    assert forecast.inside is not None
    write_report(
        ReportContent(
            name=at.project.name,
            loss_unit=at.task.loss_unit,
            machine=planned.machine,
            dataset=dataset.manifest,
            ladder=planned.ladder,
            runs=tuple(planned.runs),
            search=tuple(at.ledger.runs(role="search", data_hash=dataset.hash)),
            law=planned.law,
            plan=plan,
            final=final.run,
            forecasts=forecasts,
            known_before=known,
            variants=variants.variants,
            sample_prompt=variants.prompt,
            sample=variants.sample,
            seconds=at.stages.seconds,
        ),
        at.root / "report.html",
    )
    return Outcome(
        forecast=ForecastAnswer(
            loss=forecast.value,
            low=forecast.low,
            high=forecast.high,
            level=forecast.level,
            extrapolation=forecast.extrapolation,
        ),
        measured=LossAnswer(loss=final.run.loss),
        error=forecast.error,
        inside=forecast.inside,
        known_before=known,
        test=LossAnswer(loss=variants.test_loss),
        loss_unit=at.task.loss_unit,
        compute_ratio=plan.compute_ratio,
        plan=str(at.state / "plan.json"),
        model=str(at.root / "model"),
        compressed=str(at.root / "compressed"),
        report=str(at.root / "report.html"),
        variants=variants.variants,
        seconds=at.stages.seconds,
    )
