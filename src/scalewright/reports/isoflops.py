"""Loss against size at constant compute: where the best size lies, and how flat the valley is."""

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from scalewright.architectures import LlamaFamily
from scalewright.reports import notation
from scalewright.reports.canvas import ACCENT, NEUTRAL, blank, log_axis, looks
from scalewright.reports.content import ReportContent
from scalewright.reports.marks import band, level_text

COMPUTE_LEVELS = (1 / 16, 1 / 4, 1.0, 4.0)
"""Of the curves, over the compute of the final run."""

_BEYOND = 4.0
"""Curves go this far beyond the ladder's smallest size and fewest tokens, or those planned, and beyond the chosen size."""

_HEIGHT = 1.25
"""The figure ends this far above the highest valley: the arms of a curve rise without limit."""


@dataclass(frozen=True)
class IsoFlop:
    """Models of the family that cost the same to train: arrays [n] by ascending size.

    Attributes:
        flops: of the training, attention and head included.
        planned: whether it is the final run's compute.
    """

    flops: float
    planned: bool
    params: NDArray[np.float64]
    tokens: NDArray[np.float64]
    losses: NDArray[np.float64]

    @property
    def lowest(self) -> int | None:
        """Where the loss is least; None where that is at an end."""
        place = int(np.argmin(self.losses))
        return place if 0 < place < len(self.losses) - 1 else None


def isoflops(content: ReportContent) -> list[IsoFlop]:
    """The law's curves at `COMPUTE_LEVELS` times the compute of the final run."""
    plan, law = content.plan, content.law
    params, per_token = _shapes(content)
    # The choice is always among its curve's points, however few its tokens are.
    fewest = min(law.support.tokens[0], plan.choice.tokens) / _BEYOND
    curves = []
    for level in COMPUTE_LEVELS:
        tokens = level * plan.choice.flops / per_token
        known = tokens >= fewest
        if np.count_nonzero(known) > 1:
            n, d = params[known], tokens[known]
            losses = law.losses(n, d, content.unique(d))
            curves.append(IsoFlop(level * plan.choice.flops, level == 1.0, n, d, losses))
    return curves


def isoflop_figure(content: ReportContent) -> go.Figure:
    """Loss against size at constant compute: each curve's lowest point, the choice and the runner-up."""
    plan, curves = content.plan, isoflops(content)
    bottom = 0.98 * min([curve.losses.min() for curve in curves] + [plan.forecast.low])
    top = _HEIGHT * max([curve.losses.min() for curve in curves] + [plan.forecast.high])
    figure = blank(
        log_axis("params in matrix products", [n for c in curves for n in c.params], notation.tick, 0.02),
        log_axis(f"forecast loss, {content.loss_unit}", [bottom, top], notation.tick, 0.0),
    )
    for curve, look in zip(curves, looks(range(len(curves))).values(), strict=True):
        if curve.planned:
            _add_band(figure, content, curve)
        _add_curve(figure, curve, ACCENT if curve.planned else look.colour)
    figure.add_scatter(
        x=[candidate.params for candidate in plan.front],
        y=[candidate.loss for candidate in plan.front],
        mode="lines",
        line={"color": NEUTRAL, "width": 1.75, "dash": "dot"},
        name="what the budget buys",
        text=[_where(candidate.params, candidate.tokens) for candidate in plan.front],
        hovertemplate="%{text}: %{y:.4g}<extra></extra>",
    )
    marked = (("runner-up", plan.runner_up, "diamond-open"), ("choice", plan.choice, "star"))
    for name, candidate, symbol in marked:
        figure.add_scatter(
            x=[candidate.params],
            y=[candidate.loss],
            mode="markers",
            marker={"color": ACCENT, "size": 13, "symbol": symbol, "line": {"width": 2, "color": ACCENT}},
            name=f"{name}: {notation.count(candidate.params)}",
            hovertemplate=f"{name}, {_where(candidate.params, candidate.tokens)}: %{{y:.4g}}<extra></extra>",
        )
    return figure


def _add_band(figure: go.Figure, content: ReportContent, curve: IsoFlop) -> None:
    level = content.plan.forecast.level
    found = [
        content.law.predict(float(n), float(d), float(content.unique(d)), level)
        for n, d in zip(curve.params, curve.tokens, strict=True)
    ]
    figure.add_traces(band(curve.params, [p.low for p in found], [p.high for p in found], level_text(level)))


def _add_curve(figure: go.Figure, curve: IsoFlop, colour: str) -> None:
    figure.add_scatter(
        x=curve.params.tolist(),
        y=curve.losses.tolist(),
        mode="lines+markers",
        line={"color": colour, "width": 3 if curve.planned else 1.75},
        marker={"color": colour, "size": 5},
        name=f"{notation.power(curve.flops)} FLOPs" + (" (planned)" if curve.planned else ""),
        text=[_where(n, d) for n, d in zip(curve.params, curve.tokens, strict=True)],
        hovertemplate="%{text}: %{y:.4g}<extra></extra>",
    )
    if curve.lowest is not None:
        figure.add_scatter(
            x=[float(curve.params[curve.lowest])],
            y=[float(curve.losses[curve.lowest])],
            mode="markers",
            marker={"color": colour, "size": 18, "symbol": "line-ns", "line": {"width": 3, "color": colour}},
            name="lowest",
            showlegend=False,
            hovertemplate="lowest: %{x:.3s} params, %{y:.4g}<extra></extra>",
        )


def _where(params: float, tokens: float) -> str:
    return f"{notation.count(params)} params, {notation.count(tokens)} tokens"


def _shapes(content: ReportContent) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Params and training FLOPs per token of the family's shapes, thinned out, the planned two among them."""
    chosen, second = content.plan.choice.shape, content.plan.runner_up.shape
    family = LlamaFamily(vocabulary=chosen.vocabulary, context=chosen.context, head_size=chosen.head_size)
    least, most = content.law.support.params[0] / _BEYOND, _BEYOND * chosen.params
    found = {shape.params: shape.train_flops_per_token for shape in (chosen, second)}
    width, reached = family.head_size, 0.0
    while (shape := family.shape(width)).params <= most:
        if shape.params >= max(least, 1.04 * reached):
            found[shape.params] = shape.train_flops_per_token
            reached = shape.params
        width += family.head_size
    sizes = sorted(found)
    return np.array(sizes, dtype=np.float64), np.array([found[size] for size in sizes], dtype=np.float64)
