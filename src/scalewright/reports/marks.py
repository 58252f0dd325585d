"""What several figures draw alike: runs, intervals, bands."""

from collections.abc import Iterable

import plotly.graph_objects as go

from scalewright.ledger import Run
from scalewright.reports import notation
from scalewright.reports.canvas import ACCENT, Look, translucent


def markers(look: Look, runs: Iterable[Run]) -> dict[str, object]:
    """Runs of one size, hollow where tokens were repeated: they lie above the line of fresh tokens."""
    symbols = [look.symbol + ("-open" if run.unique_tokens < run.tokens else "") for run in runs]
    return {"color": look.colour, "size": 9, "symbol": symbols, "line": {"width": 1.5, "color": look.colour}}


def run_text(run: Run) -> str:
    """A run in words, for the label under the pointer."""
    repeated = f" of {notation.count(run.unique_tokens)} unique" if run.unique_tokens < run.tokens else ""
    tokens = f"{notation.count(run.tokens)} tokens{repeated}"
    return f"{run.role}, {notation.count(run.params)} params, {tokens}, seed {run.seed}"


def whiskers(above: float, below: float) -> dict[str, object]:
    """The interval of a forecast, as far as it reaches above and below it."""
    return {
        "type": "data",
        "array": [above],
        "arrayminus": [below],
        "color": ACCENT,
        "thickness": 2.5,
        "width": 7,
    }


def band(x: Iterable[float], low: list[float], high: list[float], name: str) -> list[go.Scatter]:
    """The area between two curves, last in the legend."""
    places = [float(value) for value in x]
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "x": places, "legendgroup": name}
    return [
        go.Scatter(y=low, showlegend=False, **edge),
        go.Scatter(y=high, fill="tonexty", fillcolor=translucent(ACCENT, 0.16), name=name, legendrank=1100, **edge),
    ]


def level_text(level: float) -> str:
    """The level of an interval in words."""
    return f"{100 * level:g} % interval"
