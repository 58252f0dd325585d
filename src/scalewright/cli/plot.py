"""A law as an image: loss against tokens, with intervals, the runs behind it and a forecast."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scalewright.errors import InputError
from scalewright.files import atomic_path
from scalewright.laws import Law, Prediction
from scalewright.laws.runs import level_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

SUFFIXES = (".png", ".svg", ".pdf")

# Okabe and Ito 2008, darkened where they would vanish on white; each with a marker of its own, never colour alone.
_LOOKS = (("#0072B2", "o"), ("#E69F00", "s"), ("#009E73", "D"), ("#CC79A7", "^"), ("#56B4E9", "v"), ("#6A51A3", "P"))
_FORECAST = "#D55E00"
_POINTS = 40
_UNIQUE = "unique_tokens"
_AXES = {"tokens": "training tokens", "params": "parameters", "compute": "training FLOPs"}
_COUNTS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class Series:
    """What is drawn as one curve.

    Attributes:
        at: The inputs that stay the same along it.
        rows: Which of the runs lie on it [n].
    """

    at: dict[str, float]
    rows: NDArray[np.bool_]


def check_image(path: Path) -> None:
    """Raises InputError where no image can be written under this name."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: not a kind of image that is known by its suffix; expected {', '.join(SUFFIXES)}")
    if path.is_dir():
        raise InputError(f"{path}: this is a folder; name an image in it")


def draw_law(
    path: Path,
    law: Law,
    inputs: Mapping[str, Array] | None = None,
    loss: Array | None = None,
    forecast: tuple[Mapping[str, float], Prediction] | None = None,
    level: float = 0.9,
) -> None:
    """Draws a law with its intervals.

    Args:
        path: An image, its kind by its suffix.
        law: The law.
        inputs: Of measured runs [n] each; without them, curves are drawn at the places that the law was fitted to.
        loss: Of those runs [n].
        forecast: A place and what the law says of it, drawn with its interval.
        level: Of the intervals.

    Raises:
        InputError: the suffix is not one of `SUFFIXES`.
    """
    check_image(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if inputs is None:
        inputs, loss = dict(zip(law.inputs, np.array(law.support.rungs).T, strict=True)), None
    place, predicted = forecast or ({}, None)
    along = "tokens" if "tokens" in law.inputs else law.inputs[-1]
    ends = [float(inputs[along].min()), float(inputs[along].max()), *([place[along]] if along in place else [])]
    grid = np.geomspace(min(ends) / 1.1, max(ends) * 1.15, _POINTS)

    figure = Figure(figsize=(8, 4.8), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    chosen = _series(inputs, [name for name in law.inputs if name != along])
    for series, (colour, marker) in zip(chosen, _LOOKS, strict=False):
        _curve(
            axes, law, series.at, along, grid, level, colour, "-", _label(series.at), marker if loss is not None else ""
        )
        if loss is not None:
            _points(axes, inputs, loss, series, along, colour, marker)
    if predicted is not None:
        fixed = {name: value for name, value in place.items() if name != along}
        _curve(axes, law, fixed, along, grid, level, _FORECAST, "--")
        below, above = predicted.loss - predicted.low, predicted.high - predicted.loss
        where = "\n".join(f"{name.replace('_', ' ')} {number_text(value)}" for name, value in place.items())
        axes.errorbar(
            [place[along]], [predicted.loss], yerr=[[below], [above]], color=_FORECAST, marker="*", markersize=11,
            markeredgecolor="white", capsize=5, linewidth=2, linestyle="none", zorder=5,
            label=f"forecast {predicted.loss:.4g}\n({predicted.low:.4g} – {predicted.high:.4g})\n{where}",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if ends[1] > 100 * ends[0] else (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number_text(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(grid[0], grid[-1])
    axes.set_xlabel(_AXES.get(along, along))
    axes.set_ylabel("loss (nats per token)")
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    title = " + ".join(f"{form.weight:.2f} {form.name}" for form in law.forms if form.weight >= 0.01)
    axes.set_title(title if len(law.forms) > 1 else law.forms[0].name, fontsize=10, loc="left")
    hollow = "\nhollow: tokens repeated" if loss is not None and _repeated(inputs).any() else ""
    axes.legend(
        title=f"{'runs, law' if loss is not None else 'law'} and {100 * level:g} % interval{hollow}",
        fontsize=8, title_fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0),
    )  # fmt: skip
    with atomic_path(path) as part:
        figure.savefig(part, format=path.suffix.lower()[1:])


def _curve(
    axes: "Axes", law: Law, at: Mapping[str, float], along: str, grid: Array, level: float, colour: str,
    style: str, label: str = "_", marker: str = "",
) -> None:  # fmt: skip
    unique = at.get(_UNIQUE)
    places = {name: np.full(len(grid), value) for name, value in at.items()} | {along: grid}
    if unique and along == "tokens":
        places[_UNIQUE] = np.minimum(unique, grid)
    forecasts = law.predictions(places, level)
    losses = [forecast.loss for forecast in forecasts]
    # The marker is for the legend: runs are drawn by themselves.
    axes.plot(
        grid,
        losses,
        marker=marker,
        color=colour,
        linewidth=1.6,
        linestyle=style,
        label=label,
        markersize=4.5,
        markevery=[],
    )
    axes.fill_between(
        grid, [f.low for f in forecasts], [f.high for f in forecasts], color=colour, alpha=0.16, linewidth=0
    )


def _points(
    axes: "Axes", inputs: Mapping[str, Array], loss: Array, series: Series, along: str, colour: str, marker: str
) -> None:
    repeated = _repeated(inputs)
    for rows, face in ((series.rows & ~repeated, colour), (series.rows & repeated, "none")):
        axes.plot(  # hollow where tokens are repeated: such runs lie above the curve of fresh ones
            inputs[along][rows], loss[rows], marker, color=colour, markerfacecolor=face, markersize=4.5,
            markeredgecolor=colour if face == "none" else "white", markeredgewidth=0.5 if face != "none" else 1.0,
        )  # fmt: skip


def _repeated(inputs: Mapping[str, Array]) -> NDArray[np.bool_]:
    """Which runs saw some of their tokens more than once [n]."""
    tokens = next(iter(inputs.values())) if _UNIQUE not in inputs else inputs["tokens"]
    return np.asarray(inputs.get(_UNIQUE, tokens) < tokens)


def _series(inputs: Mapping[str, Array], fixed: list[str]) -> list[Series]:
    """Up to six groups of runs that share all inputs but one within 5 %, spread from the smallest to the largest."""
    total = len(next(iter(inputs.values())))
    if not fixed:
        return [Series({}, np.ones(total, bool))]
    keys = np.stack([level_of(inputs[name]) for name in fixed], axis=1)
    kinds, group, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    group = group.reshape(-1)
    often = [place for place in range(len(kinds)) if counts[place] > 1]
    usable = often if len(often) >= len(_LOOKS) else range(len(kinds))
    found = [Series({name: float(np.median(inputs[name][group == g])) for name in fixed}, group == g) for g in usable]
    if len(found) <= len(_LOOKS):
        return found
    sizes = np.log([series.at[fixed[0]] for series in found])
    wanted = np.linspace(sizes[0], sizes[-1], len(_LOOKS))
    return [found[place] for place in np.unique(np.abs(sizes - wanted[:, None]).argmin(axis=1))]


def _label(at: Mapping[str, float]) -> str:
    return ", ".join(f"{number_text(value)} {name}" for name, value in at.items()) or "law"


def number_text(value: float) -> str:
    """A number as people write it: 950, 56k, 1.2M, 7B."""
    if value >= 1e15 or value < 1e-3:
        return f"{value:.3g}".replace("e+", "e")
    size, suffix = next((unit for unit in _COUNTS if value >= 0.9995 * unit[0]), (1.0, ""))
    return f"{value / size:.3g}{suffix}"
