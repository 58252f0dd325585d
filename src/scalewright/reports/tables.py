"""Tables of the report: forecasts, candidates, variants, rungs, the law, the machine, the data."""

from scalewright.ledger import Forecast
from scalewright.planning import Candidate
from scalewright.reports import notation
from scalewright.reports.content import ReportContent
from scalewright.reports.markup import Markup, badge, element, table
from scalewright.reports.residuals import fitted_loss, rungs
from scalewright.reports.verdict import bits_per_byte, perplexity

DASH = "–"


def forecast_table(content: ReportContent) -> Markup:
    """What was forecast before training, and what was measured."""
    head = ("forecast", "value", "interval", "level", "measured", "error", "")
    return table(head, [_forecast_row(forecast) for forecast in content.forecasts], wide=True)


def candidate_table(content: ReportContent) -> Markup:
    """The chosen model beside the runner-up."""
    plan = content.plan
    rows = [
        _candidate_row("choice", plan.choice, content),
        _candidate_row("runner-up", plan.runner_up, content),
    ]
    loss = f"forecast, {content.loss_unit}"
    head = ("model", "params", "depth x width", "tokens", "epochs", "FLOPs", "time", loss)
    return table(head, rows, wide=True)


def plan_remark(content: ReportContent) -> Markup:
    """What the plan expected of time and memory, beside what perfect hardware would need."""
    plan = content.plan
    ideal = f"{notation.duration(plan.ideal.seconds)} (efficiency {notation.percent(plan.efficiency)})"
    expected, used = (notation.quantity(size, "B") for size in (plan.memory_bytes, content.final.peak_memory_bytes))
    stop = (
        "The budget is not a time, so nothing would have stopped it."
        if plan.limit_seconds is None
        else f"Training would have been stopped after {notation.duration(plan.limit_seconds)}."
    )
    return element(
        "p",
        f"The plan expected {notation.duration(plan.choice.seconds)} in {plan.recipe.precision}; perfect hardware would "
        f"need {ideal}. {stop} "
        f"Memory: {expected} expected for a process that only trains, {used} used at most by the one that did all this.",
    )


def variant_table(content: ReportContent) -> Markup:
    """The forms in which the model was measured: size, quality, speed; ratios are over the first."""
    rows = [
        (
            variant.name,
            notation.quantity(variant.bytes, "B"),
            notation.loss(variant.loss),
            notation.percent(variant.loss / content.variants[0].loss - 1, 2, signed=True),
            notation.loss(variant.test_loss),
            perplexity(content, variant.test_loss),
            bits_per_byte(content, variant.test_loss, "test"),
            notation.count(variant.tokens_per_second),
            notation.times(variant.tokens_per_second / content.variants[0].tokens_per_second),
        )
        for variant in content.variants
    ]
    losses = ("validation loss", "change", "test loss", "perplexity", "bits/byte")
    return table(("form", "file", *losses, "tokens/s", "speed"), rows, wide=True)


def rung_table(content: ReportContent) -> Markup:
    """Every run that the law was fitted to, and the final one."""
    rows = [
        (
            run.role,
            notation.count(run.params),
            notation.count(run.tokens),
            notation.digits(run.tokens / run.unique_tokens),
            str(run.seed),
            notation.power(run.flops),
            notation.duration(run.seconds),
            notation.count(run.tokens_per_second),
            notation.quantity(run.peak_memory_bytes, "B"),
            notation.loss(run.loss),
            notation.loss(fitted := fitted_loss(content, run)),
            notation.percent(run.loss / fitted - 1, 2, signed=True),
        )
        for run in [*rungs(content), content.final]
    ]
    work = ("FLOPs", "time", "tokens/s", "memory")
    head = ("role", "params", "tokens", "times seen", "seed", *work, "loss", "law", "off by")
    return table(head, rows, wide=True)


def form_table(content: ReportContent) -> Markup:
    """The forms that the law weighs."""
    rows = [
        (
            fitted.name,
            element("div", element("code", fitted.form.formula), element("div", fitted.form.source)),
            notation.percent(fitted.weight),
            notation.percent(fitted.sigma, 2),
            notation.percent(fitted.discrepancy, 2),
        )
        for fitted in content.law.forms
    ]
    return table(("form", "formula", "weight", "scatter", "error per e-fold away"), rows, words=2, wide=True)


def parameter_table(content: ReportContent) -> Markup:
    """Parameters of the heaviest form with their intervals."""
    intervals = content.law.intervals(0.9)
    rows = [
        (element("code", name), notation.plain(value), *(notation.plain(edge) for edge in intervals[name]))
        for name, value in content.law.parameters.items()
    ]
    return table((f"parameter of {content.law.forms[0].name}", "value", "5 %", "95 %"), rows)


def rate_table(content: ReportContent) -> Markup:
    """Measured rates of matrix products: a row for each shape, a column for each precision."""
    products = content.machine.matmul
    dtypes = list(dict.fromkeys(product.dtype for product in products))
    shapes = list(dict.fromkeys(product.shape for product in products))
    rates = {
        (
            p.shape,
            p.dtype,
        ): f"{notation.quantity(p.flops_per_second, 'FLOP/s')} ± {notation.percent(p.spread / 2)}"
        for p in products
    }
    rows = [(" x ".join(map(str, shape)), *(rates.get((shape, dtype), DASH) for dtype in dtypes)) for shape in shapes]
    return table(("rows x inner x columns", *dtypes), rows)


def machine_table(content: ReportContent) -> Markup:
    """What the machine is and what it reads."""
    machine = content.machine
    rows = [
        ("processor", f"{machine.cpu}: {machine.cores} cores, {machine.threads} threads"),
        ("main memory", notation.quantity(machine.memory_bytes, "B")),
        *(
            ("device", f"{device.count} x {device.name}, {notation.quantity(device.memory_bytes, 'B')}")
            for device in machine.devices
        ),
        *(
            (f"bandwidth, {threads} thread{'s' if threads > 1 else ''}", notation.quantity(rate, "B/s"))
            for threads, rate in machine.bandwidth_bytes_per_second.items()
        ),
        ("precision advised", f"{machine.precisions.advised} (of {', '.join(machine.precisions.usable)})"),
        ("measured", machine.measured_at + (", quickly" if machine.quick else "")),
        ("software", ", ".join(f"{name} {version}" for name, version in machine.software.items())),
    ]
    return table((machine.name, ""), rows, words=2)


def split_table(content: ReportContent) -> Markup:
    """The splits of the data."""
    rows = [
        (
            name,
            f"{split.documents:,}",
            notation.quantity(split.bytes, "B"),
            f"{split.tokens:,}",
            notation.digits(split.bytes / split.tokens) if split.tokens else DASH,
        )
        for name, split in content.dataset.splits.items()
    ]
    return table(("split", "documents", "text", "tokens", "bytes/token"), rows)


def source_table(content: ReportContent) -> Markup:
    """The sources of a mixture: what was drawn from each, and what the model reaches on it; nothing where all is one text."""
    data, final = content.dataset, content.final
    if not data.mixture:
        return Markup("")

    def loss(name: str) -> str:
        return notation.loss(final.metrics[name]) if name in final.metrics else DASH

    rows = [
        (
            source.name,
            notation.percent(share),
            f"{source.splits['train'].tokens:,}",
            notation.digits(passes),
            loss(f"loss_{source.name}"),
            loss(f"test_loss_{source.name}"),
        )
        for source, share, passes in zip(data.mixture, data.shares, data.supply.passes(final.tokens), strict=True)
    ]
    return table(("source", "share", "training tokens", "times seen", "validation loss", "test loss"), rows)


def data_remarks(content: ReportContent) -> Markup:
    """What preparation did and left out."""
    data = content.dataset
    remarks: list[object] = [
        f"Files read: {len(data.sources):,}. Tokenizer: {data.tokenizer}, vocabulary of {data.vocabulary:,}.",
        f"Duplicates removed: {data.duplicates_removed:,}. "
        f"Groups of near-duplicates kept on one side of the split: {data.near_duplicate_groups:,}.",
        *data.notes,
        *([f"Cut into pieces: {', '.join(data.cut)}."] if data.cut else []),
    ]
    remarks += [f"Left out {skipped.name}: {skipped.why}." for skipped in data.skipped]
    if data.skipped_count > len(data.skipped):
        remarks.append(f"Left out in all: {data.skipped_count:,}.")
    return element("ul", *(element("li", remark) for remark in remarks), class_="remarks")


def _forecast_row(forecast: Forecast) -> tuple[object, ...]:
    timed = forecast.unit in ("s", "seconds")
    told = notation.duration if timed else notation.loss
    quantity = "time" if timed else f"{forecast.quantity}, {forecast.unit}"
    measured = [DASH, DASH, badge("not scored", "plain")]
    if forecast.measured is not None and forecast.error is not None:
        outcome = badge("inside", "good") if forecast.inside else badge("outside", "bad")
        measured = [told(forecast.measured), notation.percent(forecast.error, 1, signed=True), outcome]
    interval = f"{told(forecast.low)} – {told(forecast.high)}"
    return (quantity, told(forecast.value), interval, notation.percent(forecast.level, 0), *measured)


def _candidate_row(name: str, candidate: Candidate, content: ReportContent) -> tuple[str, ...]:
    return (
        name,
        f"{candidate.params:,}",
        f"{candidate.shape.depth} x {candidate.shape.width}",
        f"{candidate.tokens:,}",
        notation.digits(candidate.tokens / content.plan.unique_tokens),
        notation.power(candidate.flops),
        notation.duration(candidate.seconds),
        notation.loss(candidate.loss),
    )
