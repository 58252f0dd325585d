"""Ladders whose law is known."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from scalewright.laws import FORMS

Law = Callable[[np.ndarray, np.ndarray], np.ndarray]

AVERAGED = [form.name for form in FORMS.values() if form.averaged and form.inputs == ("params", "tokens")]
"""The forms in size and data that "auto" averages."""

SUMS = ["chinchilla", "kaplan_floor", "power_mean", "interaction"]
"""Forms without a start."""


@dataclass(frozen=True)
class Truth:
    """A law written down independently of the catalogue, and the grid of runs measured under it."""

    law: Law
    params: np.ndarray
    tokens: np.ndarray

    @property
    def inputs(self) -> dict[str, np.ndarray]:
        return {"params": self.params, "tokens": self.tokens}

    def losses(self, noise: float = 0.0, seed: int = 0) -> np.ndarray:
        scatter = np.random.default_rng(seed).standard_normal(len(self.params))
        return self.law(self.params, self.tokens) * np.exp(noise * scatter)


def grid(smallest: float, shortest: float, sizes: int, horizons: int) -> tuple[np.ndarray, np.ndarray]:
    params, tokens = np.meshgrid(smallest * 2.2 ** np.arange(sizes), shortest * 2.0 ** np.arange(horizons))
    return params.ravel(), tokens.ravel()


def truth(kind: str, rng: np.random.Generator, sizes: int = 4, horizons: int = 4) -> Truth:
    """A random law with its grid: one of the catalogue, or "broken", whose data exponent changes, which is not in it."""
    smallest = 10 ** rng.uniform(4.5, 8)
    shortest = smallest * 10 ** rng.uniform(0.3, 1.5)
    N, D = grid(smallest, shortest, sizes, horizons)
    n, d = np.exp(np.log(N).mean()), np.exp(np.log(D).mean())
    alpha, beta = rng.uniform(0.25, 0.5, 2)
    E, a, b = rng.uniform(0.8, 2.0), rng.uniform(0.3, 1.2), rng.uniform(0.4, 1.5)
    slope, delta, power = rng.uniform(0, 0.06), rng.uniform(-0.1, 0.1), rng.uniform(0.3, 0.9)

    def joined(N: np.ndarray, D: np.ndarray, power: float) -> np.ndarray:
        return E + ((a * (N / n) ** -alpha) ** (1 / power) + (b * (D / d) ** -beta) ** (1 / power)) ** power

    laws: dict[str, Law] = {
        "chinchilla": lambda N, D: E + a * (N / n) ** -alpha + b * (D / d) ** -beta,
        "kaplan": lambda N, D: joined(N, D, beta) - E,
        "kaplan_floor": lambda N, D: joined(N, D, beta),
        "power_mean": lambda N, D: joined(N, D, power),
        "broken": lambda N, D: (
            E + a * (N / n) ** -alpha + b * (D / d) ** (-beta / 2) * (1 + (D / d) ** 2) ** (-beta / 4)
        ),
        "interaction": lambda N, D: (
            E
            + a * (N / n) ** -alpha
            + b * (N / n) ** -delta * (D / d) ** -(beta + 2 * slope * np.tanh(np.log(N / n) / 2))
        ),
    }
    S, k = rng.uniform(3.0, 6.0), rng.uniform(2.0, 4.0)

    def started(N: np.ndarray, D: np.ndarray) -> np.ndarray:
        excess = laws[kind.removesuffix("_start")](N, D) - E
        return E + (excess**-k + S**-k) ** (-1 / k)

    return Truth(started if kind.endswith("_start") else laws[kind], N, D)


@pytest.fixture(scope="session")
def hoffmann() -> Truth:
    """Hoffmann's law with Besiroglu's constants (arXiv:2404.10102) on a wide grid."""
    N, D = grid(4e7, 8e8, 6, 6)
    return Truth(lambda N, D: 1.8172 + 482.01 * N**-0.3478 + 2085.43 * D**-0.3658, N, D)


BESIROGLU = {
    "A": (285, 744),
    "B": (1042, 5810),
    "E": (1.769, 1.871),
    "alpha": (0.317, 0.373),
    "beta": (0.331, 0.415),
}
"""95 % intervals that Besiroglu et al. 2024, arXiv:2404.10102, give for the runs of `figure`."""


@pytest.fixture(scope="session")
def figure(shared_data: Path) -> Truth:
    """The runs read off a figure of Hoffmann et al. 2022 by Besiroglu et al. 2024, in the order of their file, without the five
    of highest loss."""
    with (shared_data / "laws" / "chinchilla245" / "runs.csv").open() as file:
        columns = [(row["Model Size"], row["Training FLOP"], row["loss"]) for row in csv.DictReader(file)]
    N, C, L = np.array(columns, dtype=float).T
    kept = np.sort(np.argsort(L)[:240])
    return Truth(lambda *_: L[kept], N[kept], C[kept] / 6 / N[kept])
