"""Figures of the trainings: their loss curves, and the search for the learning rate."""

import math

import numpy as np
import plotly.graph_objects as go

from scalewright.ledger import Run
from scalewright.reports import notation
from scalewright.reports.canvas import ACCENT, blank, log_axis, looks
from scalewright.reports.content import ReportContent
from scalewright.reports.residuals import rungs

_BLUE = "#0B7BC0"


def curve_figure(content: ReportContent) -> go.Figure:
    """Running training loss against tokens seen, of every rung and of the final run."""
    runs = [run for run in rungs(content) if run.curve]
    final = content.final
    points = [point for run in [*runs, final] for point in run.curve] + [[final.tokens, final.loss]]
    figure = blank(
        log_axis("training tokens", [tokens for tokens, _ in points], notation.tick),
        log_axis(f"training loss, {content.loss_unit}", [loss for _, loss in points], notation.tick),
    )
    for size, look in looks([run.params for run in runs]).items():
        same = [run for run in runs if run.params == size]
        _add_curves(figure, same, notation.count(size), look.colour, width=1.25)
    _add_curves(figure, [final], f"{notation.count(final.params)} (final)", ACCENT, width=3)
    figure.add_scatter(
        x=[final.tokens],
        y=[final.loss],
        mode="markers",
        marker={"color": ACCENT, "size": 12, "symbol": "star"},
        name="final, validation",
        hovertemplate="final, validation: %{y:.4g}<extra></extra>",
    )
    return figure


def rate_figure(content: ReportContent) -> go.Figure:
    """Validation loss against learning rate at the smallest size, and the parabola that placed the choice."""
    tried = _search(content)
    rates, losses = [rate for rate, _ in tried], [loss for _, loss in tried]
    figure = blank(
        log_axis("learning rate at the base width", [*rates, content.plan.recipe.learning_rate], notation.tick, 0.1)
        | {"tickvals": rates, "ticktext": [f"{rate:.2g}" for rate in rates]},
        log_axis(f"validation loss, {content.loss_unit}", losses or [1.0, 10.0], notation.tick, 0.15),
        height=360,
    )
    figure.add_scatter(
        x=rates,
        y=losses,
        mode="markers",
        marker={"color": _BLUE, "size": 10},
        name="tried",
        hovertemplate="learning rate %{x:.3g}: %{y:.4g}<extra></extra>",
    )
    parabola = _parabola(rates, losses)
    if parabola is not None:
        figure.add_scatter(
            x=parabola[0],
            y=parabola[1],
            mode="lines",
            line={"color": _BLUE, "width": 1.5},
            name="parabola through the best three",
            hoverinfo="skip",
        )
    figure.add_vline(x=content.plan.recipe.learning_rate, line={"color": ACCENT, "width": 2, "dash": "dash"})
    figure.add_scatter(
        x=[None],
        y=[None],
        mode="lines",
        line={"color": ACCENT, "width": 2, "dash": "dash"},
        name=f"chosen: {content.plan.recipe.learning_rate:.3g}",
    )
    return figure


def _search(content: ReportContent) -> list[tuple[float, float]]:
    """Learning rate and loss of each run of this ladder's search; the ledger may hold others on the same data."""
    ladder = content.ladder
    tokens = ladder.search_horizon * ladder.tokens_per_step
    return sorted(
        (float(run.configuration["recipe"]["learning_rate"]), run.loss)
        for run in content.search
        if run.params == ladder.search_shape.params and run.tokens == tokens
    )


def _parabola(rates: list[float], losses: list[float]) -> tuple[list[float], list[float]] | None:
    """Through the lowest point and its neighbours, in log rate; None where that point is at the edge."""
    lowest = int(np.argmin(losses)) if losses else 0
    if not 0 < lowest < len(rates) - 1:
        return None
    around = slice(lowest - 1, lowest + 2)
    coefficients = np.polyfit(np.log(rates[around]), losses[around], 2)
    x = np.linspace(math.log(rates[lowest - 1]), math.log(rates[lowest + 1]), 41)
    return np.exp(x).tolist(), np.polyval(coefficients, x).tolist()


def _add_curves(figure: go.Figure, runs: list[Run], name: str, colour: str, *, width: float) -> None:
    for run in runs:
        figure.add_scatter(
            x=[tokens for tokens, _ in run.curve],
            y=[loss for _, loss in run.curve],
            mode="lines",
            line={"color": colour, "width": width},
            name=name,
            legendgroup=name,
            showlegend=run is runs[0],
            hovertemplate=f"{name}, %{{x:.3s}} tokens: %{{y:.4g}}<extra></extra>",
        )
