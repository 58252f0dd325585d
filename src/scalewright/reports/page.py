"""The page: the outcome first, then how it came about, in one file that opens without a network."""

from pathlib import Path

import plotly.graph_objects as go
import plotly.io
from plotly.offline import get_plotlyjs

from scalewright.files import write_atomic
from scalewright.reports import notation, tables
from scalewright.reports.content import ReportContent
from scalewright.reports.isoflops import isoflop_figure
from scalewright.reports.law_figure import law_figure
from scalewright.reports.markup import Markup, element
from scalewright.reports.reasons import reasons_table
from scalewright.reports.residuals import residual_figure
from scalewright.reports.style import CSS
from scalewright.reports.training_figures import curve_figure, rate_figure
from scalewright.reports.verdict import key_numbers, strip, verdict, warnings

# The browser itself then refuses whatever would come from a network.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"

_CAPTIONS = {
    "law": "Lines are the law, points the runs it was fitted to (hollow: repeated tokens). Dashed: the law at the "
    "final size, a forecast stored before training. The star is what came out.",
    "residuals": "How far each run lies from the law. The rungs were fitted; only the final run, forecast before it "
    "was made, tests the law; its bar is the interval. Grey: nine runs in ten lie there by the noise of training alone.",
    "isoflops": "Models on one line cost the same compute; a tick marks the lowest. Dotted: what the budget buys on "
    "this machine, which runs some sizes faster than others. Where the valley is flat, the size matters little.",
    "curves": "Mean training loss along each run. Runs of one size share a trunk and part where the learning rate "
    "begins to fall: hence the drop at the end of each.",
    "rate": "Searched once, at the smallest size, and carried over to the others. The flatter the bottom, the less "
    "the exact rate matters.",
}

_NO_SCRIPT = "This figure needs JavaScript; the tables hold its numbers."

_DRAW = """
for (const data of document.querySelectorAll('script[type="application/json"]')) {
  const figure = JSON.parse(data.textContent);
  if (innerWidth < 640) figure.layout.height += 70;  // the legend wraps there
  Plotly.newPlot(data.dataset.plot, figure.data, figure.layout, {responsive: true, displayModeBar: false});
}
const fit = () => document.querySelectorAll(".plot").forEach(plot => Plotly.Plots.resize(plot));
window.addEventListener("beforeprint", fit);
window.addEventListener("afterprint", fit);
matchMedia("print").addEventListener("change", fit);
"""


def write_report(content: ReportContent, path: Path) -> None:
    """Writes the report as one HTML file that needs no network, whole or not at all.

    Equal content gives equal bytes.

    Raises:
        InputError: the loss was not forecast, or its forecast not scored.
    """
    write_atomic(path, render_page(content))


def render_page(content: ReportContent) -> str:
    """The report as HTML.

    Raises:
        InputError: the loss was not forecast, or its forecast not scored.
    """
    sections = _sections(content)
    links = [element("a", title, href=f"#{name}") for name, title, _ in sections]
    header = element(
        "header",
        element("p", "scalewright report", class_="kind"),
        element("h1", content.name),
        verdict(content),
        strip(content),
        key_numbers(content),
        warnings(content),
        element("nav", *links, aria_label="Sections"),
    )
    shown = [element("section", element("h2", title), *parts, id=name) for name, title, parts in sections]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{element('title', f'{content.name} · scalewright report')}\n<style>{CSS}</style>\n</head>\n<body>\n"
        f"{header}\n{element('main', *shown)}\n{_footer(content)}\n"
        f"<script>{get_plotlyjs()}</script>\n<script>{_DRAW}</script>\n</body>\n</html>\n"
    )


def _sections(content: ReportContent) -> list[tuple[str, str, list[Markup]]]:
    """Anchor, title and parts of each section."""
    outcome = [
        tables.forecast_table(content),
        _figure("law", law_figure(content)),
        _figure("residuals", residual_figure(content)),
    ]
    size = [
        tables.candidate_table(content),
        tables.plan_remark(content),
        _figure("isoflops", isoflop_figure(content)),
    ]
    training = [
        _figure("curves", curve_figure(content)),
        _figure("rate", rate_figure(content)),
        element("h3", "Runs"),
        tables.rung_table(content),
    ]
    law = [tables.form_table(content), tables.parameter_table(content)]
    model = [
        tables.variant_table(content),
        element("h3", "What it writes"),
        element("p", "The prompt is in colour, the model's own words follow.", class_="lead"),
        element("pre", element("b", content.sample_prompt), content.sample, class_="sample"),
    ]
    ground = [
        tables.machine_table(content),
        element("h3", "Rates of matrix products"),
        tables.rate_table(content),
        element("h3", "Data"),
        tables.split_table(content),
        tables.source_table(content),
        tables.data_remarks(content),
    ]
    return [
        ("outcome", "Forecast and outcome", outcome),
        ("size", "Choice of size", size),
        ("training", "Training", training),
        ("law", "The law", law),
        ("model", "The model", model),
        ("ground", "Machine and data", ground),
        ("reasons", "Every number and its reason", [reasons_table(content)]),
    ]


def _figure(name: str, figure: go.Figure) -> Markup:
    # This engine writes < and > as escapes, so that no text can end the script element.
    data = Markup(plotly.io.to_json(figure, engine="json"))
    return element(
        "figure",
        element("div", element("noscript", _NO_SCRIPT), id=f"plot-{name}", class_="plot"),
        element("figcaption", _CAPTIONS[name]),
        element("script", data, type="application/json", data_plot=f"plot-{name}"),
    )


def _footer(content: ReportContent) -> Markup:
    final = content.final
    told = [
        f"From data to report, interrupted attempts aside: {notation.duration(content.seconds)}.",
        f"Final run {final.id}, seed {final.seed}, {final.created_at}, commit {final.commit or 'unknown'}.",
        f"Plan {content.plan.hash}, law {content.law.hash}, data {final.data_hash}, "
        f"recipe version {final.recipe_version}.",
    ]
    return element("footer", *(element("p", line) for line in told))
