from dataclasses import replace

import pytest

from scalewright.ledger import Forecast
from scalewright.reports import ReportContent
from scalewright.reports.verdict import beyond, bits_per_byte, key_numbers, perplexity, strip, verdict, warnings

from .parsing import Element, parse


def forecast_and(content: ReportContent, measured: float) -> ReportContent:
    made = Forecast(
        quantity="loss",
        unit="nats/token",
        value=2.143,
        low=2.118,
        high=2.171,
        level=0.9,
        extrapolation=10.2,
        law_hash="l",
        plan_hash="p",
    )
    made.measured = measured
    return replace(content, forecasts=(made,))


def text(html: str) -> str:
    return parse(html).text.replace("\N{NO-BREAK SPACE}", " ")


def test_the_sentence_says_what_was_forecast_and_what_came_out(content: ReportContent) -> None:
    assert text(verdict(forecast_and(content, 2.151))) == (
        "Forecast 2.143 nats/token (90 %: 2.118 – 2.171), measured 2.151: error +0.4 %, "
        "inside the interval, 10.2x beyond the ladder."
    )


def test_a_miss_is_called_a_miss(content: ReportContent) -> None:
    assert "error −3.5 %, outside the interval" in text(verdict(forecast_and(content, 2.068)))


def test_a_run_no_larger_than_the_ladder_is_not_beyond_it() -> None:
    assert beyond(0.8) == beyond(1.0) == "within the ladder"
    assert beyond(7.5) == "7.50x beyond the ladder"


def attribute(element: Element, name: str) -> float:
    return float(element.attributes[name].removesuffix("%"))


@pytest.mark.parametrize("measured", [2.151, 1.9, 2.5])
def test_places_on_the_strip_are_proportional_and_inside_it(content: ReportContent, measured: float) -> None:
    tree = parse(strip(forecast_and(content, measured)))
    bar, dot = tree.all("rect")[0], tree.all("circle")[0]
    tick = next(line for line in tree.all("line") if line.attributes["class"] == "forecast")
    low, width = attribute(bar, "x"), attribute(bar, "width")
    per_nat = width / (2.171 - 2.118)
    assert attribute(tick, "x1") == pytest.approx(low + per_nat * (2.143 - 2.118), abs=0.02)
    assert attribute(dot, "cx") == pytest.approx(low + per_nat * (measured - 2.118), abs=0.1)
    assert all(20 <= place <= 80 for place in (low, low + width, attribute(dot, "cx")))


def test_key_numbers(content: ReportContent) -> None:
    final = content.final
    tree = parse(key_numbers(content))
    shown = {box.all("dt")[0].text: box.all("dd")[0].text.replace("\N{NO-BREAK SPACE}", " ") for box in tree.all("div")}
    value, unit = shown["params"].split()
    assert float(value) * {"k": 1e3, "M": 1e6}[unit] == pytest.approx(final.params, rel=5e-3)
    assert shown["tokens"] == f"{final.tokens / 1e6:.1f} M"
    assert shown["epochs"] == f"{final.tokens / 3.9e6:.2f}"
    # In 436 s, where the best product in bf16 runs at 431 GFLOP/s.
    assert shown["MFU"] == f"{100 * final.flops / 436 / 431e9:.1f} %"
    assert shown["test loss"] == f"{final.test_loss:.3f}"


def test_a_run_that_was_known_before_its_forecast_is_said_to_be_no_test(content: ReportContent) -> None:
    assert "no test" in text(verdict(replace(content, known_before=True)))
    assert "no test" not in text(verdict(content))


def test_perplexity_and_bits_per_byte_of_nats_per_token(content: ReportContent) -> None:
    # e^2 = 7.389; 2 nats are 2.885 bits.
    assert perplexity(content, 2.0) == "7.39"
    for split, density in (("train", 2.84), ("test", 2.5)):
        texts = content.dataset.splits | {split: content.dataset.splits[split].model_copy(update={"bytes": 10**6})}
        texts[split] = texts[split].model_copy(update={"tokens": round(10**6 / density)})
        other = replace(content, dataset=content.dataset.model_copy(update={"splits": texts}))
        assert bits_per_byte(other, 2.0, split) == f"{2.885 / density:.2f}"
    other = replace(content, loss_unit="error rate")
    assert perplexity(other, 2.0) == bits_per_byte(other, 2.0, "test") == "–"


def test_warnings_of_all_documents_are_told_and_none_where_there_is_none(content: ReportContent) -> None:
    told = text(warnings(content))
    for warning in (*content.machine.warnings, *content.dataset.warnings, *content.law.warnings):
        assert warning in told
    calm = replace(
        content,
        machine=content.machine.model_copy(update={"warnings": ()}),
        dataset=content.dataset.model_copy(update={"warnings": ()}),
        law=content.law.model_copy(update={"warnings": ()}),
    )
    assert warnings(calm) == ""
