"""The rungs that the law was fitted to, and how far each lies from it."""

import plotly.graph_objects as go

from scalewright.ledger import Run
from scalewright.reports import notation
from scalewright.reports.canvas import ACCENT, NEUTRAL, blank, linear_axis, log_axis, looks, translucent
from scalewright.reports.content import ReportContent
from scalewright.reports.marks import markers, run_text, whiskers
from scalewright.reports.outcome import loss_outcome

_NORMAL_90 = 1.645


def rungs(content: ReportContent) -> list[Run]:
    """The runs that the law was fitted to, by size and tokens."""
    return sorted(content.runs, key=lambda run: (run.params, run.tokens, run.role, run.seed))


def fitted_loss(content: ReportContent, run: Run) -> float:
    """The law's central loss at a run's size, tokens and unique tokens."""
    return float(content.law.losses(run.params, run.tokens, run.unique_tokens))


def residual_figure(content: ReportContent) -> go.Figure:
    """Relative error of the law at every rung, and of the forecast at the final run, against compute."""
    runs, final, outcome = rungs(content), content.final, loss_outcome(content)
    forecast, noise = outcome.forecast, _NORMAL_90 * 100 * content.law.noise
    residuals = {run.id: 100 * (run.loss / fitted_loss(content, run) - 1) for run in runs}
    figure = blank(
        log_axis(
            "FLOPs of the training",
            [*(run.flops for run in runs), final.flops],
            lambda flops: notation.power(flops, 0),
        ),
        linear_axis("measured over forecast, less 1 (%)", zeroline=True, zerolinecolor=NEUTRAL, zerolinewidth=1),
        height=400,
    )
    figure.add_hrect(
        y0=-noise,
        y1=noise,
        fillcolor=translucent(NEUTRAL, 0.14),
        line_width=0,
        layer="below",
        name="noise of a run",
    )
    for size, look in looks([run.params for run in runs]).items():
        same = [run for run in runs if run.params == size]
        figure.add_scatter(
            x=[run.flops for run in same],
            y=[residuals[run.id] for run in same],
            mode="markers",
            marker=markers(look, same),
            name=notation.count(size),
            text=[run_text(run) for run in same],
            hovertemplate="%{text}: %{y:+.2f} %<extra></extra>",
        )
    figure.add_scatter(
        x=[content.plan.choice.flops],
        y=[0.0],
        error_y=whiskers(100 * (forecast.high / forecast.value - 1), 100 * (1 - forecast.low / forecast.value)),
        mode="markers",
        marker={"color": ACCENT, "size": 11, "symbol": "diamond-open", "line": {"width": 2}},
        name="forecast",
        hovertemplate=f"forecast {notation.loss(forecast.value)}<extra></extra>",
    )
    figure.add_scatter(
        x=[final.flops],
        y=[100 * outcome.error],
        mode="markers",
        marker={"color": ACCENT, "size": 12, "symbol": "star"},
        name="measured",
        hovertemplate="final: %{y:+.2f} %<extra></extra>",
    )
    return figure
