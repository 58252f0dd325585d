"""Loss against tokens: the law with the runs behind it, and the forecast with its outcome."""

import numpy as np
import plotly.graph_objects as go

from scalewright.ledger import Run
from scalewright.reports import notation
from scalewright.reports.canvas import ACCENT, Look, blank, log_axis, looks
from scalewright.reports.content import ReportContent
from scalewright.reports.marks import band, level_text, markers, run_text, whiskers
from scalewright.reports.outcome import loss_outcome
from scalewright.reports.residuals import rungs

_POINTS = 48
_BAND_POINTS = 25


def law_figure(content: ReportContent) -> go.Figure:
    """Loss against tokens by size: the law, the runs it was fitted to, and the forecast with its outcome."""
    runs, final, outcome = rungs(content), content.final, loss_outcome(content)
    look = looks([run.params for run in runs])
    shortest = min(run.tokens for run in runs)
    tokens = np.geomspace(shortest, 1.25 * final.tokens, _BAND_POINTS)
    forecasts = [
        content.law.predict(final.params, d, float(content.unique(d)), outcome.forecast.level) for d in tokens.tolist()
    ]
    low, high = [p.low for p in forecasts], [p.high for p in forecasts]
    losses = [outcome.forecast.low, final.loss, *(run.loss for run in runs), *low, *high]
    figure = blank(
        log_axis("training tokens", [shortest, final.tokens], notation.tick),
        log_axis(f"validation loss, {content.loss_unit}", losses, notation.tick, 0.04),
    )
    figure.add_traces(band(tokens, low, high, level_text(outcome.forecast.level)))
    for size, drawn in look.items():
        _add_size(figure, content, drawn, [run for run in runs if run.params == size])
    figure.add_scatter(
        x=tokens.tolist(),
        y=[p.loss for p in forecasts],
        mode="lines",
        line={"color": ACCENT, "width": 2, "dash": "dash"},
        name=f"{notation.count(final.params)} (forecast)",
        hoverinfo="skip",
    )
    figure.add_traces(_forecast_and_measured(content, content.plan.choice.tokens, final.tokens))
    return figure


def _add_size(figure: go.Figure, content: ReportContent, look: Look, runs: list[Run]) -> None:
    size, name = runs[0].params, notation.count(runs[0].params)
    tokens = np.geomspace(min(run.tokens for run in runs), max(run.tokens for run in runs), _POINTS)
    figure.add_scatter(
        x=tokens.tolist(),
        y=content.law.losses(size, tokens, content.unique(tokens)).tolist(),
        mode="lines",
        line={"color": look.colour, "width": 2},
        name=name,
        legendgroup=name,
        showlegend=False,
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=[run.tokens for run in runs],
        y=[run.loss for run in runs],
        mode="markers",
        marker=markers(look, runs),
        name=name,
        legendgroup=name,
        text=[run_text(run) for run in runs],
        hovertemplate="%{text}: %{y:.4g}<extra></extra>",
    )


def _forecast_and_measured(content: ReportContent, planned: int, trained: int) -> list[go.Scatter]:
    outcome = loss_outcome(content)
    forecast = outcome.forecast
    interval = notation.span(forecast.low, forecast.high)
    return [
        go.Scatter(
            x=[planned],
            y=[forecast.value],
            error_y=whiskers(forecast.high - forecast.value, forecast.value - forecast.low),
            mode="markers",
            marker={"color": ACCENT, "size": 11, "symbol": "diamond-open", "line": {"width": 2}},
            name="forecast",
            hovertemplate=f"forecast %{{y:.4g}} ({interval})<extra></extra>",
        ),
        go.Scatter(
            x=[trained],
            y=[outcome.measured],
            mode="markers",
            marker={"color": ACCENT, "size": 12, "symbol": "star"},
            name="measured",
            hovertemplate="measured %{y:.4g}<extra></extra>",
        ),
    ]
