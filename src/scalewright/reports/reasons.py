"""Every number with its reason: where it comes from, and the formula, runs or source behind it."""

from collections.abc import Mapping
from typing import Any

from scalewright.documents import Reason
from scalewright.reports import notation
from scalewright.reports.content import ReportContent
from scalewright.reports.markup import Markup, badge, element


def reasons_table(content: ReportContent) -> Markup:
    """One table of all reasons, grouped by the document they stand in."""
    plan, machine, ladder = content.plan, content.machine, content.ladder
    shown = {
        "shape": f"{plan.choice.shape.depth} x {plan.choice.shape.width}",
        "ideal": notation.duration(plan.ideal.seconds),
        "hard_stop": "none" if plan.limit_seconds is None else notation.duration(plan.limit_seconds),
        "forecast": notation.loss(plan.forecast.value),
        "forecast_seconds": notation.duration(plan.forecast_seconds.value),
        "mfu": notation.percent(plan.mfu),
    }
    groups: list[tuple[str, Mapping[str, Reason], tuple[object, ...]]] = [
        ("machine", machine.reasons, ({"precisions": machine.precisions.advised}, machine)),
        ("data", content.dataset.reasons, (content.dataset,)),
        ("ladder", ladder.reasons, ({"target": f"{notation.power(ladder.target_flops)} FLOPs"}, ladder)),
        ("recipe", plan.recipe.reasons, (plan.recipe, ladder)),
        ("law", content.law.reasons, (content.law.parameters, content.law)),
        ("plan", plan.reasons, (shown, plan, plan.choice, plan.recipe)),
    ]
    heads = [element("th", title, scope="col") for title in ("number", "value", "origin", "reason")]
    bodies = [_group(title, reasons, holders) for title, reasons, holders in groups if reasons]
    whole = element("table", element("thead", element("tr", *heads)), *bodies, class_="wide reasons")
    return element("div", whole, class_="scroll", tabindex=0)


def known_value(name: str, holders: tuple[object, ...]) -> str:
    """The number of that name in the first of `holders`, documents or mappings, that has one."""
    for holder in holders:
        value = holder.get(name) if isinstance(holder, Mapping) else getattr(holder, name, None)
        if isinstance(value, str | int | float):
            return _told(name, value)
    return ""


def _told(name: str, value: Any) -> str:
    if isinstance(value, str | bool):
        return str(value)
    if name == "seconds" or name.endswith("_seconds"):
        return notation.duration(value)
    if name.endswith("bytes"):
        return notation.quantity(value, "B")
    if name.endswith("bytes_per_second"):
        return notation.quantity(value, "B/s")
    if name == "flops" or name.endswith("_flops"):
        return f"{notation.power(value)} FLOPs"
    return notation.plain(value)


def _group(title: str, reasons: Mapping[str, Reason], holders: tuple[object, ...]) -> Markup:
    rows = [
        element(
            "tr",
            element("td", element("code", name)),
            element("td", known_value(name, holders), class_="number"),
            element("td", badge(reason.origin, reason.origin)),
            element("td", reason.text, class_="prose"),
        )
        for name, reason in reasons.items()
    ]
    return element("tbody", element("tr", element("th", title, colspan=4, scope="rowgroup")), *rows)
