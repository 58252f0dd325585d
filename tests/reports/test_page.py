import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from scalewright.documents import Reason
from scalewright.errors import InputError
from scalewright.reports import ReportContent, render_page, write_report

from .parsing import Element, parse
from .project import make_content

HOSTILE = "<script>alert(1)</script>\"'&amp;<img src=http://x.test/a onerror=alert(2)></pre>"


@pytest.fixture(scope="module")
def html(content: ReportContent) -> str:
    return render_page(content)


@pytest.fixture(scope="module")
def page(html: str) -> Element:
    return parse(html)


def everything(element: Element) -> list[Element]:
    below = [child for child in element.children if isinstance(child, Element)]
    return [element, *(found for child in below for found in everything(child))]


def test_nothing_is_loaded_from_anywhere(page: Element) -> None:
    for element in everything(page):
        assert "src" not in element.attributes
        assert not element.attributes.get("href", "#").startswith(("http:", "https:", "//"))
        assert element.tag not in ("link", "img", "iframe", "object", "base")
    (style,) = page.all("style")
    assert not re.search(r"@import|url\(|@font-face", style.text)


def test_the_page_forbids_the_browser_to_load_anything(page: Element) -> None:
    policy = next(meta for meta in page.all("meta") if "http-equiv" in meta.attributes).attributes["content"]
    allowed = dict(part.split(maxsplit=1) for part in policy.split("; "))
    assert allowed["default-src"] == "'none'"
    assert set(" ".join(allowed.values()).split()) == {"'none'", "'unsafe-inline'", "data:", "blob:"}


def test_plotly_is_there_once(html: str) -> None:
    assert html.count("* plotly.js v") == 1


def test_every_link_has_its_target(page: Element) -> None:
    targets = {element.attributes.get("id") for element in everything(page)}
    links = [link.attributes["href"] for link in page.all("a")]
    assert links
    assert all(link.removeprefix("#") in targets for link in links)


def test_every_figure_has_a_place_data_and_a_caption(page: Element) -> None:
    figures = page.all("figure")
    names = []
    for figure in figures:
        (script,) = figure.all("script")
        (place,) = [box for box in figure.all("div") if box.attributes.get("class") == "plot"]
        assert script.attributes["data-plot"] == place.attributes["id"]
        assert json.loads(script.text)["data"]
        assert figure.all("figcaption")[0].text.endswith(".")
        names.append(place.attributes["id"])
    assert names == ["plot-law", "plot-residuals", "plot-isoflops", "plot-curves", "plot-rate"]


def test_the_page_holds_every_reason_the_sample_and_the_hashes(content: ReportContent, page: Element) -> None:
    text = page.text
    plan = content.plan
    documents = (content.machine, content.dataset, content.ladder, content.law, plan, plan.recipe)
    for reason in (reason for document in documents for reason in document.reasons.values()):
        assert reason.text in text
    assert page.all("pre")[0].text == content.sample_prompt + content.sample
    assert content.plan.hash in text
    assert content.law.hash in text


def test_hostile_text_stays_text(content: ReportContent) -> None:
    data = content.dataset.model_dump() | {
        "name": HOSTILE,
        "skipped": [{"name": HOSTILE, "why": HOSTILE}],
        "notes": [HOSTILE],
        "warnings": [HOSTILE],
        "cut": [HOSTILE],
        "reasons": {HOSTILE: {"origin": "given", "text": HOSTILE}},
    }
    machine = content.machine.model_copy(
        update={"name": HOSTILE, "cpu": HOSTILE, "software": {HOSTILE: HOSTILE}, "warnings": (HOSTILE,)}
    )
    reasons = {"learning_rate": Reason(origin="given", text=HOSTILE)}
    recipe = content.plan.recipe.model_copy(update={"reasons": reasons})
    hostile = replace(
        content,
        name=HOSTILE,
        loss_unit=HOSTILE,
        dataset=type(content.dataset).model_validate(data),
        machine=machine,
        plan=content.plan.model_copy(update={"recipe": recipe}),
        variants=tuple(v.model_copy(update={"name": HOSTILE}) for v in content.variants),
        sample_prompt=HOSTILE,
        sample=HOSTILE,
    )
    page, usual = parse(render_page(hostile)), parse(render_page(content))
    assert page.all("h1")[0].text == page.all("b")[0].text == HOSTILE
    assert page.all("pre")[0].text == HOSTILE + HOSTILE
    assert page.text.count(HOSTILE) >= 15
    for tag in ("script", "pre", "figure"):
        assert len(page.all(tag)) == len(usual.all(tag))
    assert not page.all("img")
    assert {name for element in everything(page) for name in element.attributes if name.startswith("on")} == set()


def test_equal_content_gives_equal_bytes(html: str) -> None:
    assert render_page(make_content()) == html


def test_the_file_is_the_page(content: ReportContent, html: str, tmp_path: Path) -> None:
    write_report(content, tmp_path / "deep" / "report.html")
    assert (tmp_path / "deep" / "report.html").read_text(encoding="utf-8") == html
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["report.html"]


def test_a_report_that_cannot_be_made_leaves_the_earlier_one(content: ReportContent, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("earlier")
    with pytest.raises(InputError, match="expected one of the loss"):
        write_report(replace(content, forecasts=()), path)
    assert path.read_text() == "earlier"
