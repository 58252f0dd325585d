"""The fit of the Chinchilla law beside its peers: SciPy from the published grid, and the package `chinchilla`."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize

from measure import RESULTS, median_seconds
from scalewright.laws import FORMS, Runs
from scalewright.laws.plain import HUBER_DELTA, plain_fit
from tables import size_and_data

Array = NDArray[np.float64]

GRID = {
    "a": [0.0, 5, 10, 15, 20, 25],
    "b": [0.0, 5, 10, 15, 20, 25],
    "e": [-1.0, -0.5, 0, 0.5, 1],
    "alpha": [0.0, 0.5, 1, 1.5, 2],
    "beta": [0.0, 0.5, 1, 1.5, 2],
}
"""The 4,500 starts of Hoffmann et al. 2022 (arXiv:2203.15556): ln A, ln B, ln E, alpha, beta."""

PACKAGE = "chinchilla==0.2.0"
_ALONE = 60  # resamplings fitted one by one
_CONVERGED = {"ftol": 1e-16, "gtol": 1e-12, "maxiter": 2000, "maxfun": 100_000}

_BY_PACKAGE = """
import contextlib, functools, io, json, sys, tempfile, time
import numpy as np
from chinchilla import Chinchilla
from chinchilla._metrics import log_huber
asked = json.load(sys.stdin)
with contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as place:
    grid = {name: asked["grid"][name] for name in ("e", "a", "b", "alpha", "beta")}
    fitter = Chinchilla(place, param_grid=grid, loss_fn=functools.partial(log_huber, delta=asked["delta"]), log_level=50)
    for N, D, loss in asked["runs"]:
        fitter.database.append(N=N, D=D, loss=loss)
    begun = time.perf_counter()
    fitter.fit()
    seconds = time.perf_counter() - begun
print(json.dumps({"seconds": seconds} | {name: float(getattr(fitter, name)) for name in ("E", "A", "B", "alpha", "beta")}))
"""


def peer_lines() -> Iterator[str]:
    """Speed of a cold fit and of bootstraps, ours and theirs, with the objectives they end at."""
    table = next(size_and_data())
    runs, form = Runs.checked(table.inputs, table.loss), FORMS["chinchilla"]
    best = plain_fit(form, runs)
    cold = median_seconds(lambda: plain_fit(form, runs), 15)
    yield f"cold fit: {1000 * cold:.1f} ms (bar: 50), objective {best.objective:.11f}"
    counts = np.random.default_rng(0).multinomial(len(runs), np.full(len(runs), 1 / len(runs)), size=4000)
    many = median_seconds(lambda: best.resampled(counts), 3)
    objectives = best.resampled(counts[:_ALONE]).objective
    yield f"4,000 bootstraps: {many:.2f} s (bar: 2)"
    optimum = [6.17, 7.67, 0.597, 0.3473, 0.3672]
    for how, options in (("as it is", {}), ("until it converges", _CONVERGED)):
        begun = time.perf_counter()
        ends = [_scipy(runs, count.astype(float), optimum, options).fun for count in counts[:_ALONE]]
        alone = 4000 / _ALONE * (time.perf_counter() - begun)
        above = np.median(np.array(ends) / objectives - 1)
        yield (
            f"SciPy L-BFGS-B one by one from the optimum, {how}: {alone:.0f} s, objective {above:.0e} above ours (median): "
            f"{alone / many:.0f} times as long (bar: 50)"
        )
    rng = np.random.default_rng(0)
    begun = time.perf_counter()
    starts = [[rng.choice(axis) for axis in GRID.values()] for _ in range(100)]
    least = min(_scipy(runs, np.ones(len(runs)), start, {}).fun for start in starts)
    grid = 45 * (time.perf_counter() - begun)
    yield (
        f"SciPy L-BFGS-B from the published grid: {grid:.0f} s for 4,500 starts (100 timed), best objective {least:.11f}: "
        f"{grid / cold:,.0f} times the cold fit (bar: 1,000)"
    )
    theirs = _package(runs)
    seconds = theirs.pop("seconds")
    yield (
        f"package {PACKAGE} from the published grid: {seconds:.0f} s, objective {best.objective_at(theirs):.11f}: "
        f"{seconds / cold:,.0f} times the cold fit (bar: 1,000)"
    )


def _scipy(runs: Runs, weights: Array, start: list[float], options: dict[str, float]) -> OptimizeResult:
    # As published, gradients by differences.
    x, y, log = np.log(runs.inputs["params"]), np.log(runs.inputs["tokens"]), np.log(runs.loss)

    def objective(t: Array) -> float:
        predicted = np.logaddexp(np.logaddexp(t[0] - t[3] * x, t[1] - t[4] * y), t[2])
        size = np.abs(predicted - log)
        huber = np.where(size < HUBER_DELTA, size**2 / 2, HUBER_DELTA * (size - HUBER_DELTA / 2))
        return float((weights * huber).sum())

    return minimize(objective, start, method="L-BFGS-B", options=options)


def _package(runs: Runs) -> dict[str, float]:
    # In an environment of its own: it brings a plotting library and its own versions.
    python = RESULTS / "environments" / PACKAGE / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PACKAGE], check=True, capture_output=True)
    rows = zip(runs.inputs["params"].tolist(), runs.inputs["tokens"].tolist(), runs.loss.tolist(), strict=True)
    asked = json.dumps({"grid": GRID, "delta": HUBER_DELTA, "runs": list(rows)})
    answer = subprocess.run([python, "-c", _BY_PACKAGE], input=asked, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(answer.stdout)
    return found
