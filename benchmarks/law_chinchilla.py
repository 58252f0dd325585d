"""The fit of the Chinchilla law: its optimum and the published intervals."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from scalewright.laws import FORMS, Runs
from scalewright.laws.plain import PlainFit, plain_fit
from tables import Table, size_and_data

Array = NDArray[np.float64]


def chinchilla_lines() -> Iterator[str]:
    """The 240 runs of Besiroglu et al. 2024 (arXiv:2404.10102): optimum and intervals."""
    table = next(size_and_data())
    runs, form = Runs.checked(table.inputs, table.loss), FORMS["chinchilla"]
    fits = [plain_fit(form, runs, seed=seed) for seed in range(100)]
    best = fits[0]
    worst = max(fitted.objective for fitted in fits)
    yield f"objective, worst of 100 seeds: {worst:.13f} (bar: at most 0.0010182741)"
    known = {"A": 477.82, "B": 2143.4, "E": 1.81722, "alpha": 0.34731, "beta": 0.36717}
    off = max(abs(fitted.parameters[name] / value - 1) for fitted in fits for name, value in known.items())
    yield f"parameters off the global optimum: at most {off:.1e} (bar: 1e-4; it is known to five digits)"
    hoffmann = {"A": 406.4, "B": 410.7, "E": 1.69, "alpha": 0.34, "beta": 0.28}
    ratio = 2 * len(runs) * np.log(best.objective_at(hoffmann) / best.objective)
    yield f"constants of Hoffmann et al.: twice the log likelihood ratio {ratio:.0f}, p {chi2.sf(ratio, 5):.1e} (bar: rejected)"
    yield from _intervals(best, table)


def _intervals(best: PlainFit, table: Table) -> Iterator[str]:
    # The published resampling draws from the runs in the order of their file, which the table keeps.
    place = np.argsort(np.lexsort([table.loss, table.inputs["tokens"], table.inputs["params"]]))
    rng = np.random.RandomState(42)
    counts = np.array([np.bincount(place[rng.choice(240, 240)], minlength=240) for _ in range(4000)])
    sample = best.problem.form.parameters(best.resampled(counts).theta, best.units)
    published = {
        "A": (285, 744),
        "B": (1042, 5810),
        "E": (1.769, 1.871),
        "alpha": (0.317, 0.373),
        "beta": (0.331, 0.415),
    }
    off = {
        name: np.max(np.abs(np.quantile(sample[name], [0.025, 0.975]) / ends - 1)) for name, ends in published.items()
    }
    yield f"published 95 % intervals: off by at most {max(off.values()):.2%} (bar: 5 %)"
