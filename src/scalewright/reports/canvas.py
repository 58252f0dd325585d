"""What all figures share: colours, axes with round ticks, and a background that shows the page's."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

NEUTRAL = "#7f8691"
"""Readable on white and on black; the page's style sheet replaces it by its own ink where it can."""
GRID = "rgba(127, 134, 145, 0.22)"
ACCENT = "#D55E00"
"""The final run, in every figure."""
HEIGHT = 440

# After Okabe and Ito 2008, distinct for every kind of colour vision; those that vanish on white or on black
# are left out or darkened.
_COLOURS = ("#0B7BC0", "#009E73", "#CC79A7", "#5FB0E5", "#B8860B", "#8F6FC4")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "pentagon")


@dataclass(frozen=True)
class Look:
    """How one model size is drawn: never by colour alone."""

    colour: str
    symbol: str


def looks(sizes: Sequence[int]) -> dict[int, Look]:
    """A colour and a symbol for each distinct size, in ascending order."""
    return {
        size: Look(_COLOURS[place % len(_COLOURS)], _SYMBOLS[place % len(_SYMBOLS)])
        for place, size in enumerate(sorted(set(sizes)))
    }


def translucent(colour: str, opacity: float) -> str:
    """A colour `#rrggbb` that lets the background through."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity:g})"


def blank(x: dict[str, object], y: dict[str, object], *, height: int = HEIGHT) -> go.Figure:
    """An empty figure with these axes; the legend stands above the plot and wraps on narrow screens."""
    return go.Figure(
        layout={
            "template": "none",
            "height": height,
            "margin": {"l": 56, "r": 14, "t": 10, "b": 48},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "system-ui, sans-serif", "size": 12.5, "color": NEUTRAL},
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
            "dragmode": False,
            "hoverlabel": {"font": {"family": "system-ui, sans-serif"}},
            "xaxis": x,
            "yaxis": y,
        }
    )


def log_axis(
    title: str, values: Sequence[float], text: Callable[[float], str], margin: float = 0.06
) -> dict[str, object]:
    """A logarithmic axis that holds all positive `values`, with `margin` of its length on either side."""
    low, high = min(values), max(values)
    pad = (high / low) ** margin if high > low else 1.1
    low, high = low / pad, high * pad
    places = ticks(low, high)
    return _axis(title) | {
        "type": "log",
        "range": [math.log10(low), math.log10(high)],
        "tickvals": places,
        "ticktext": [text(place) for place in places],
    }


def linear_axis(title: str, **settings: object) -> dict[str, object]:
    """A linear axis."""
    return _axis(title) | settings


def ticks(low: float, high: float) -> list[float]:
    """Round values for a logarithmic axis from `low` to `high`: even steps, or 1-2-5, or whole decades."""
    decades = math.log10(high / low)
    if decades < 0.7:
        return _even(low, high)
    multiples = (1, 2, 5) if decades < 2.1 else (1, 3) if decades < 3.2 else (1,)
    step = max(1, round(decades / 8))
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1, step)
    values = [multiple * 10.0**exponent for exponent in exponents for multiple in multiples]
    return [value for value in values if low <= value <= high]


def _even(low: float, high: float) -> list[float]:
    rough = (high - low) / 6
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12 - math.floor(math.log10(step))) for k in range(first, last + 1)]


def _axis(title: str) -> dict[str, object]:
    return {
        "title": {"text": title, "standoff": 8},
        "gridcolor": GRID,
        "zeroline": False,
        "showline": True,
        "linecolor": NEUTRAL,
        "linewidth": 1,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": NEUTRAL,
    }
