"""A plan as an image: the loss of every size within the limits, what less time costs, and the memory of the fullest device."""

from pathlib import Path
from typing import TYPE_CHECKING

from scalewright.cli.plot import check_image, number_text
from scalewright.cli.times import time_unit
from scalewright.files import atomic_path
from scalewright.planning.machine_plan import MachinePlan

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito 2008.
_CHOICE, _OTHER, _LINE = "#D55E00", "#0072B2", "#555555"
_PARTS = {
    "runtime": "#999999",
    "states": "#0072B2",
    "gathered": "#56B4E9",
    "activations": "#009E73",
    "logits": "#E69F00",
}
_SHOWN = 1.06
"""Losses up to this times the least are drawn: beyond, the valley would look flat."""


def draw_plan(path: Path, plan: MachinePlan) -> None:
    """Draws a plan, the kind of image by the suffix.

    Raises:
        InputError: the suffix is not that of an image.
    """
    check_image(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    figure = Figure(figsize=(11, 4.2), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    sizes, front, memory = figure.subplots(1, 3, width_ratios=(4, 4, 2))
    _sizes(sizes, plan)
    _front(front, plan)
    _memory(memory, plan)
    sizes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    sizes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number_text(value)))
    front.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    for axes in (sizes, front):
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.grid(alpha=0.25, linewidth=0.6)
    for axes in (sizes, front, memory):
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{plan.machine}, {plan.law}", fontsize=10, x=0.01, ha="left")
    with atomic_path(path) as part:
        figure.savefig(part, format=path.suffix.lower()[1:])


def _sizes(axes: "Axes", plan: MachinePlan) -> None:
    choice = plan.choice
    shown = [size for size in plan.sizes if size.loss <= _SHOWN * choice.loss]
    axes.plot([size.params for size in shown], [size.loss for size in shown], ".", color=_LINE, markersize=4)
    axes.plot(
        choice.params, choice.loss, "*", color=_CHOICE, markersize=13, label=f"choice, {number_text(choice.params)}"
    )
    if plan.runner_up is not None:
        other = plan.runner_up
        axes.plot(
            other.params, other.loss, "s", color=_OTHER, markersize=6, label=f"runner-up, {number_text(other.params)}"
        )
    axes.set_xscale("log")
    axes.set_xlabel("parameters")
    axes.set_ylabel("loss (nats per token)")
    axes.set_title("every shape within the limits", fontsize=10, loc="left")
    axes.legend(frameon=False, fontsize=8)


def _front(axes: "Axes", plan: MachinePlan) -> None:
    whole = max(option.seconds for option in plan.front)
    unit, length = time_unit(whole)
    smaller = [option for option in plan.front if option.seconds > 0.99 * whole and option != plan.choice]
    sooner = [option for option in plan.front if option.seconds <= 0.99 * whole]
    for options, colour, marker, label in (
        (smaller, _OTHER, "o", "all of the time, smaller models"),
        ([*sooner, plan.choice], _CHOICE, "*", "the best of less time"),
    ):
        times = [option.seconds / length for option in options]
        axes.plot(times, [option.loss for option in options], marker, color=colour, markersize=7, label=label)
        for option, time in zip(options, times, strict=True):
            if option.loss <= 1.5 * _SHOWN * plan.choice.loss:
                axes.annotate(
                    number_text(option.params), (time, option.loss), xytext=(-6, 3), fontsize=7, ha="right",
                    textcoords="offset points",
                )  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.margins(x=0.15)
    axes.set_xlabel(unit)
    axes.set_title("what is best for something else", fontsize=10, loc="left")
    axes.legend(frameon=False, fontsize=8)


def _memory(axes: "Axes", plan: MachinePlan) -> None:
    below = 0.0
    for name, value in plan.choice.memory_parts.items():
        if value:
            axes.bar(0, value / 1e9, bottom=below / 1e9, width=0.6, color=_PARTS[name], label=name)
            below += value
    axes.axhline(plan.usable_memory_bytes / 1e9, color=_LINE, linestyle="--", linewidth=1.2, label="usable")
    axes.set_xticks([])
    axes.set_xlim(-0.6, 0.6)
    axes.set_ylim(0, 1.55 * plan.usable_memory_bytes / 1e9)
    axes.set_ylabel("GB on the fullest device")
    axes.set_title("memory", fontsize=10, loc="left")
    axes.legend(frameon=False, fontsize=8, loc="upper right")
