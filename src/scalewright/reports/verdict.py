"""The head of the page: what was forecast, what was measured, what was bought."""

import math

from scalewright.data.dataset import SplitName
from scalewright.reports import notation
from scalewright.reports.content import ReportContent
from scalewright.reports.markup import Markup, badge, element
from scalewright.reports.outcome import loss_outcome


def verdict(content: ReportContent) -> Markup:
    """The forecast and its outcome in one sentence."""
    outcome = loss_outcome(content)
    forecast = outcome.forecast
    place = "inside the interval" if outcome.inside else "outside the interval"
    return element(
        "p",
        "Forecast ",
        element("strong", f"{notation.loss(forecast.value)} {content.loss_unit}"),
        f" ({notation.percent(forecast.level, 0)}: {notation.span(forecast.low, forecast.high)}), measured ",
        element("strong", notation.loss(outcome.measured)),
        f": error {notation.percent(outcome.error, 1, signed=True)}, ",
        badge(place, "good" if outcome.inside else "bad"),
        f", {beyond(forecast.extrapolation)}.",
        " The run had been trained for another plan before: this forecast is no test." if content.known_before else "",
        class_="verdict",
    )


def beyond(extrapolation: float) -> str:
    """How far from the ladder a forecast lies, in size times data."""
    return f"{notation.times(extrapolation)} beyond the ladder" if extrapolation > 1 else "within the ladder"


def strip(content: ReportContent) -> Markup:
    """The interval as a bar, with the forecast and the measured value on it: drawn without scripts."""
    outcome = loss_outcome(content)
    forecast = outcome.forecast
    low, value, high, measured = _places(forecast.low, forecast.value, forecast.high, outcome.measured)
    told = [notation.loss(x) for x in (forecast.low, forecast.value, forecast.high, outcome.measured)]
    described = f"forecast {told[1]}, interval {told[0]} to {told[2]}, measured {told[3]}"
    return Markup(
        f'<svg class="strip" role="img" aria-label="{described}">'
        '<line class="axis" x1="0" y1="42" x2="100%" y2="42"/>'
        f'<rect class="interval" x="{low:.2f}%" y="32" width="{high - low:.2f}%" height="20" rx="4"/>'
        f'<line class="forecast" x1="{value:.2f}%" y1="27" x2="{value:.2f}%" y2="57"/>'
        f'<circle class="measured" cx="{measured:.2f}%" cy="42" r="6"/>'
        f'<text class="measured" x="{measured:.2f}%" y="18">measured {told[3]}</text>'
        f'<text x="{value:.2f}%" y="74">forecast {told[1]}</text>'
        f'<text class="low" x="{low:.2f}%" y="46" dx="-8">{told[0]}</text>'
        f'<text class="high" x="{high:.2f}%" y="46" dx="8">{told[2]}</text>'
        "</svg>"
    )


def key_numbers(content: ReportContent) -> Markup:
    """The model and its training in a row of numbers, as measured."""
    final, plan = content.final, content.plan
    rate, unique = final.flops / final.seconds, plan.unique_tokens
    numbers = [
        ("params", notation.count(final.params), f"{notation.count(final.params_total)} with embedding"),
        ("tokens", notation.count(final.tokens), f"{notation.digits(final.tokens / final.params)} per param"),
        ("epochs", notation.digits(final.tokens / unique), f"of {notation.count(unique)} tokens"),
        ("FLOPs", notation.power(final.flops), f"{notation.times(plan.compute_ratio)} the largest rung"),
        ("time", notation.duration(final.seconds), f"planned {notation.duration(plan.choice.seconds)}"),
        (
            "tokens/s",
            notation.count(final.tokens_per_second),
            f"planned {notation.count(plan.tokens_per_second)}",
        ),
        (
            "MFU",
            notation.percent(rate / content.machine.rate(final.precision)),
            f"{notation.quantity(rate, 'FLOP/s')} in {final.precision}",
        ),
        *_qualities(content),
    ]
    return element(
        "dl",
        *(
            element("div", element("dt", name), element("dd", value), element("dd", note, class_="note"))
            for name, value, note in numbers
        ),
        class_="keys",
    )


def warnings(content: ReportContent) -> Markup:
    """What the reader should know before relying on the numbers; empty where there is nothing."""
    sources = {
        "machine": content.machine.warnings,
        "data": content.dataset.warnings,
        "ladder": content.ladder.warnings,
        "law": content.law.warnings,
    }
    items = [element("li", badge(name, "plain"), " ", text) for name, texts in sources.items() for text in texts]
    if not items:
        return Markup("")
    return element("section", element("h2", "Warnings"), element("ul", *items), class_="warnings", role="note")


def perplexity(content: ReportContent, loss: float) -> str:
    """exp of a loss in nats per token; a dash for other losses."""
    return notation.digits(math.exp(loss)) if content.loss_unit == "nats/token" else "–"


def bits_per_byte(content: ReportContent, loss: float, split: SplitName) -> str:
    """A split's loss in nats per token as bits per byte of its text; a dash for other losses."""
    if content.loss_unit != "nats/token":
        return "–"
    return notation.digits(loss / math.log(2) / _density(content, split))


def _qualities(content: ReportContent) -> list[tuple[str, str, str]]:
    final = content.final
    loss = final.loss if final.test_loss is None else final.test_loss
    split: SplitName = "validation" if final.test_loss is None else "test"
    density = notation.digits(_density(content, split))
    return [
        (f"{split} loss", notation.loss(loss), content.loss_unit),
        ("perplexity", perplexity(content, loss), f"per token, {split}"),
        ("bits per byte", bits_per_byte(content, loss, split), f"{density} bytes/token"),
    ]


def _density(content: ReportContent, split: SplitName) -> float:
    """Bytes per token: splits differ in it."""
    return content.dataset.density(split)


def _places(*values: float) -> list[float]:
    """Per cent of the width at which each value stands; the outermost two stand at a fifth from the edges."""
    low, high = min(values), max(values)
    return [20 + 60 * (value - low) / (high - low) if high > low else 50.0 for value in values]
