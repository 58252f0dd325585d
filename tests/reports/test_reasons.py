from dataclasses import replace

from scalewright.documents import Reason
from scalewright.reports import ReportContent
from scalewright.reports.reasons import known_value, reasons_table

from .parsing import parse, rows


def all_reasons(content: ReportContent) -> list[tuple[str, Reason]]:
    plan = content.plan
    documents = (content.machine, content.dataset, content.ladder, content.law, plan, plan.recipe)
    return [item for document in documents for item in document.reasons.items()]


def test_every_reason_is_told_with_its_number_and_origin(content: ReportContent) -> None:
    told = {(name, origin, text) for name, _, origin, text in rows(reasons_table(content))}
    assert told == {(name, reason.origin, reason.text) for name, reason in all_reasons(content)}


def test_reasons_are_grouped_by_where_they_come_from(content: ReportContent) -> None:
    heads = [e.text for e in parse(reasons_table(content)).all("th") if e.attributes["scope"] == "rowgroup"]
    assert heads == ["machine", "data", "ladder", "recipe", "law", "plan"]
    recipe = content.plan.recipe.model_copy(update={"reasons": {}})
    without = replace(content, plan=content.plan.model_copy(update={"recipe": recipe}))
    assert "recipe" not in [e.text for e in parse(reasons_table(without)).all("th")]


def test_values_stand_beside_their_reasons(content: ReportContent) -> None:
    values = {name: value for name, value, _, _ in rows(reasons_table(content))}
    assert values["memory_bytes"] == "25.8 GB"
    assert values["vocabulary"] == "1,024"
    assert values["learning_rate"] == "0.0093"
    assert values["weight_decay"] == "0.1"
    assert values["batch_size"] == "16"
    assert values["seconds"] == "8 min 00 s"
    assert values["params"] == f"{content.plan.choice.params:,}"
    assert values["precisions"] == "bf16"
    assert values["hard_stop"] == "9 min 36 s"
    assert values["sizes"] == values["matmul"] == ""


def test_the_first_holder_that_knows_a_number_gives_it() -> None:
    assert known_value("rate", ({}, {"rate": 0.5}, {"rate": 2})) == "0.5"
    assert known_value("rate", ({"rate": {"not": "a number"}},)) == ""
