"""Studies whose law is known: do the intervals hold it, and how few runs do as well as a grid?"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from scalewright.laws import fit

Array = NDArray[np.float64]


def simulation_lines() -> Iterator[str]:
    """Studies whose law is known, half of them from forms outside the catalogue: do the intervals hold it?"""
    rng = np.random.default_rng(3)
    for inside_catalogue in (True, False):
        held: dict[int, list[bool]] = {10: [], 100: []}
        for study in range(500):
            law, N, D = truth(rng, inside_catalogue)
            noise = rng.uniform(0.002, 0.008)
            loss = law(N, D) * np.exp(noise * rng.standard_normal(len(N)))
            fitted = fit(N, D, loss, bootstrap=60, seed=study)
            for times, inside in held.items():
                lean = rng.uniform(0.7, 1.4)
                place = N.max() * np.sqrt(times) * lean, D.max() * np.sqrt(times) / lean
                said = fitted.predict(*place)
                run = float(law(*place)) * np.exp(noise * rng.standard_normal())
                inside.append(bool(said.low <= run <= said.high))
        where, bar = ("forms of the catalogue", "87 to 93 %") if inside_catalogue else ("other forms", "at least 80 %")
        shares = ", ".join(f"{np.mean(inside):.1%} at {times} times" for times, inside in held.items())
        yield f"{where}: 90 % intervals hold a run of the true law in {shares} (bar: {bar})"


def truth(rng: np.random.Generator, catalogued: bool) -> tuple[Callable[..., Array], Array, Array]:
    smallest = 10 ** rng.uniform(4.5, 8)
    shortest = smallest * 10 ** rng.uniform(0.3, 1.5)
    sizes, horizons = rng.integers(4, 7), rng.integers(3, 6)
    N, D = (a.ravel() for a in np.meshgrid(smallest * 2.2 ** np.arange(sizes), shortest * 2.0 ** np.arange(horizons)))
    n, d = np.exp(np.log(N).mean()), np.exp(np.log(D).mean())
    alpha, beta = rng.uniform(0.2, 0.5, 2)
    E, a, b, S, k = (
        rng.uniform(0.8, 2.0),
        rng.uniform(0.3, 1.2),
        rng.uniform(0.4, 1.5),
        rng.uniform(4, 8),
        rng.uniform(2, 4),
    )
    power, slope, bend, place = rng.uniform(0.3, 1.0), rng.uniform(0, 0.05), rng.uniform(-0.5, 0.5), rng.uniform(-1, 1)
    kind = rng.integers(3)

    def excess(N: Array, D: Array) -> Array:
        x, y = np.log(N / n), np.log(D / d)
        if catalogued:
            size, data = (
                a * np.exp(-alpha * x),
                b * np.exp(-(beta + (2 * slope * np.tanh(x / 2) if kind == 1 else 0)) * y),
            )
            return (size ** (1 / power) + data ** (1 / power)) ** power if kind == 2 else size + data
        if kind == 0:  # the data exponent changes at a break
            return a * np.exp(-alpha * x) + b * np.exp(-beta * y - bend * beta * np.logaddexp(0, y - place))
        if kind == 1:  # a logarithm instead of a power
            return a * np.exp(-alpha * x) + b / (1 + beta * np.logaddexp(0, y + 2))
        return (a * np.exp(-alpha * x) + b * np.exp(-beta * y)) * (
            1 + 0.1 * bend * np.tanh(x - y)
        )  # neither size nor data alone

    def law(N: Array, D: Array) -> Array:
        return np.asarray(E + (excess(N, D) ** -k + S**-k) ** (-1 / k))

    return law, N, D
