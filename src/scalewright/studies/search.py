"""The learning rate, found once at the smallest size."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from scalewright.documents import Reason
from scalewright.errors import WorkError

START = 2.0**-7
FACTOR = 2.0
FIRST = 3
MOST = 9


def search_rate(losses_at: Callable[[Sequence[float]], Mapping[float, float]]) -> tuple[float, Reason]:
    """The learning rate of least loss, by a grid of factors of two that grows until its best is inside it.

    A parabola in log rate through the three best neighbours places the optimum between the grid's points.

    Args:
        losses_at: trains at each of the rates given and returns the loss of each; infinite where training failed.

    Raises:
        WorkError: training failed at every rate.
    """
    rates = [START * FACTOR**k for k in range(-(FIRST // 2), FIRST // 2 + 1)]
    losses = dict(losses_at(rates))
    while len(losses) < MOST:
        ordered = sorted(losses)
        best = min(ordered, key=lambda rate: losses[rate])
        if best == ordered[0]:
            wanted = [best / FACTOR]
        elif best == ordered[-1]:
            wanted = [best * FACTOR]
        else:
            break
        losses.update(losses_at(wanted))
    ordered = sorted(losses)
    best = min(ordered, key=lambda rate: losses[rate])
    if not math.isfinite(losses[best]):
        raise WorkError(
            f"no learning rate from {ordered[0]:.2g} to {ordered[-1]:.2g} trains: each ended in a loss that is no number"
        )
    place = ordered.index(best)
    tried = ", ".join(f"{rate:.2g}: {losses[rate]:.3f}" for rate in ordered)
    if place in (0, len(ordered) - 1):
        return best, Reason(origin="measured", text=f"best of {tried}, at the edge of what was tried")
    around = ordered[place - 1 : place + 2]
    if not all(math.isfinite(losses[rate]) for rate in around):
        return best, Reason(
            origin="measured", text=f"best of {tried}; a neighbour failed, so nothing is read between them"
        )
    optimum = _vertex([math.log(rate) for rate in around], [losses[rate] for rate in around])
    rate = math.exp(optimum)
    return rate, Reason(origin="fitted", text=f"lowest point of a parabola through the losses at {tried}")


def _vertex(x: Sequence[float], y: Sequence[float]) -> float:
    """Abscissa of the lowest point of the parabola through three points whose middle one is lowest."""
    curvature, slope, _ = np.polyfit(np.array(x) - x[1], y, 2)
    return float(np.clip(x[1] - slope / (2 * curvature), x[0], x[2]))
