"""What the law engine does on public tables, against its bars and its peers.

    python benchmarks/laws.py [PART...]        chinchilla, curves, tables, simulation; all by default

Each part prints its lines and keeps them under benchmarks/results with the hash of the code of `laws`; a part measured before
under the same code is printed from there.
"""

import argparse
import csv
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import chi2

from measure import RESULTS, SHARED, say_idleness, sources_hash
from scalewright.errors import ScalewrightError
from scalewright.files import write_atomic
from scalewright.laws import FORMS, Law, Runs, fit, fit_inputs
from scalewright.laws.plain import PlainFit, fit_plain, plain_fit
from tables import Table, beyond, curves, further, size_and_data

Array = NDArray[np.float64]
FACTORS = (2, 5, 10, 30)
LEVEL = 0.9


def chinchilla() -> Iterator[str]:
    """The 240 runs of Besiroglu et al. 2024 (arXiv:2404.10102): optimum, intervals, speed."""
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
    cold = _median_seconds(lambda: plain_fit(form, runs), 15)
    yield f"cold fit: {1000 * cold:.1f} ms (bar: 50)"
    counts = np.random.default_rng(0).multinomial(len(runs), np.full(len(runs), 1 / len(runs)), size=4000)
    many = _median_seconds(lambda: best.resampled(counts), 3)
    scipy, scipy_objective = _scipy(runs, np.ones(len(runs)), starts=100)
    alone = np.mean([_scipy(runs, count, starts=1)[0] for count in counts[:100]])
    yield f"4,000 bootstraps: {many:.2f} s (bar: 2), {4000 * alone / many:.0f} times as fast as SciPy one by one (bar: 50)"
    yield (
        f"SciPy L-BFGS-B, the published grid: {scipy:.2f} s for 100 of 4,500 starts, best objective {scipy_objective:.10f}; "
        f"4,500 starts {45 * scipy:.0f} s, {45 * scipy / cold:,.0f} times the cold fit (bar: 1,000)"
    )


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


def _scipy(runs: Runs, weights: Array, starts: int) -> tuple[float, float]:
    # As published: ln A, ln B, ln E, alpha, beta from a grid of starts, gradients by differences.
    x, y, log = np.log(runs.inputs["params"]), np.log(runs.inputs["tokens"]), np.log(runs.loss)

    def objective(t: Array) -> float:
        predicted = np.logaddexp(np.logaddexp(t[0] - t[3] * x, t[1] - t[4] * y), t[2])
        size = np.abs(predicted - log)
        return float((weights * np.where(size < 1e-3, size**2 / 2, 1e-3 * (size - 5e-4))).sum())

    rng = np.random.default_rng(0)
    grid = [
        np.arange(0, 30, 5),
        np.arange(0, 30, 5),
        np.arange(-1, 1.5, 0.5),
        np.arange(0, 2.5, 0.5),
        np.arange(0, 2.5, 0.5),
    ]
    guesses = np.array([[rng.choice(axis) for axis in grid] for _ in range(starts)])
    if starts == 1:
        guesses = np.array([[6.17, 7.67, 0.597, 0.3473, 0.3672]])
    begun = time.perf_counter()
    best = min(minimize(objective, guess, method="L-BFGS-B").fun for guess in guesses)
    return time.perf_counter() - begun, best


def curve_lines() -> Iterator[str]:
    """The curves of Alabdulmohsin et al. 2022 (arXiv:2209.06640) with their own split."""
    errors: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with (SHARED / "laws" / "curves" / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for table in curves():
        if not table.study.startswith("curves"):
            continue
        domain, model = table.name.split(" ", 2)[1:]
        past = np.array([row["Training"] == "1" for row in rows if (row["Domain"], row["Model"]) == (domain, model)])
        known, future = table.take(past), table.take(~past)
        for name in ("power", "power_floor", "m4", "broken_1"):
            fitted = plain_fit(FORMS[name], Runs.checked(known.inputs, known.loss))
            log = (
                FORMS[name].log_loss(fitted.theta[None], fitted.units.points(future.inputs))[0]
                + fitted.units.log["loss"]
            )
            errors[name][domain].append(float(np.sqrt(np.mean((log - np.log(future.loss)) ** 2))))
        log = np.log(fit_inputs(known.inputs, known.loss, bootstrap=20).losses(**future.inputs))
        errors["auto"][domain].append(float(np.sqrt(np.mean((log - np.log(future.loss)) ** 2))))
    yield "| law | NMT | LM |\n| --- | --- | --- |"
    for name, by_domain in errors.items():
        yield f"| {name} | {np.mean(by_domain['NMT']):.4f} | {np.mean(by_domain['LM']):.5f} |"
    yield "Root mean square of ln loss beyond the curves, mean over the curves (bar: auto below all the others)."


@dataclass(frozen=True)
class Score:
    """Forecasts of one table: errors of ln loss, whether inside, interval scores (Gneiting & Raftery 2007), arrays [m]."""

    error: Array
    inside: Array
    score: Array

    @classmethod
    def of(cls, law: Law, future: Table) -> "Score":
        """The forecasts of these runs."""
        said = law.predictions(future.inputs, LEVEL)
        y = np.log(future.loss - future.zero)
        ends = (np.array([getattr(each, name) for each in said]) for name in ("loss", "low", "high"))
        centre, low, high = (np.log(values - future.zero) for values in ends)
        outside = np.maximum(low - y, 0) + np.maximum(y - high, 0)
        return cls(np.abs(centre - y), (low <= y) & (y <= high), high - low + 2 / (1 - LEVEL) * outside)


def joined(scores: list[Score]) -> Score:
    """The forecasts of several cuts as one."""
    return Score(*(np.concatenate([getattr(each, name) for each in scores]) for name in ("error", "inside", "score")))


def table_lines() -> Iterator[str]:
    """Leave-future-out on every table: runs up to 1/2, 1/5, 1/10, 1/30 of the dearest fitted, the dearer ones forecast."""
    engines: dict[str, Callable[[Table], Law]] = {
        "auto": lambda past: fit_inputs(past.inputs, past.loss, trunks=past.trunk, zero=past.zero, bootstrap=100),
        "as papers fit": lambda past: fit_plain(past.inputs, past.loss, past.plain, zero=past.zero, bootstrap=200),
    }
    found: dict[str, dict[str, list[Score]]] = {name: defaultdict(list) for name in engines}
    refused, asked = dict.fromkeys(engines, 0), 0
    for table in (*size_and_data(), *curves(), *further()):
        for cut in filter(None, (beyond(table, factor, least=8) for factor in FACTORS)):
            asked += 1
            for name, engine in engines.items():
                try:
                    found[name][table.study].append(Score.of(engine(cut[0]), cut[1]))
                except ScalewrightError:
                    refused[name] += 1
    yield "| table | " + " | ".join(f"{name}: median error | inside | score" for name in engines) + " |"
    yield "|" + " --- |" * (1 + 3 * len(engines))
    whole = {name: {study: joined(scores) for study, scores in studies.items()} for name, studies in found.items()}
    for study in whole["auto"]:
        cells = (
            f"{np.median(s.error):.2%} | {s.inside.mean():.0%} | {s.score.mean():.2%}"
            for s in (w[study] for w in whole.values())
        )
        yield f"| {study} | {' | '.join(cells)} |"
    for name, studies in whole.items():
        medians = [float(np.median(s.error)) for s in studies.values()]
        inside = np.mean([s.inside.mean() for s in studies.values()])
        score = np.exp(np.mean([np.log(s.score.mean()) for s in studies.values()]))
        yield (
            f"{name}: median of medians {np.median(medians):.2%} (bar: 1 %), inside {inside:.1%} (bar: 85 to 95 %), "
            f"interval score {score:.2%} (geometric mean over tables), refused {refused[name]} of {asked}"
        )


def simulation_lines() -> Iterator[str]:
    """Studies whose law is known, half of them from forms outside the catalogue: do the intervals hold it?"""
    rng = np.random.default_rng(3)
    for inside_catalogue in (True, False):
        held: dict[int, list[bool]] = {10: [], 100: []}
        for study in range(500):
            law, N, D = _truth(rng, inside_catalogue)
            loss = law(N, D) * np.exp(rng.uniform(0.002, 0.008) * rng.standard_normal(len(N)))
            fitted = fit(N, D, loss, bootstrap=60, seed=study)
            for times, inside in held.items():
                lean = rng.uniform(0.7, 1.4)
                place = N.max() * np.sqrt(times) * lean, D.max() * np.sqrt(times) / lean
                said = fitted.predict(*place)
                inside.append(bool(said.low <= float(law(*place)) <= said.high))
        where, bar = ("forms of the catalogue", "87 to 93 %") if inside_catalogue else ("other forms", "at least 80 %")
        shares = ", ".join(f"{np.mean(inside):.1%} at {times} times" for times, inside in held.items())
        yield f"{where}: 90 % intervals hold the truth in {shares} (bar: {bar})"


def _truth(rng: np.random.Generator, catalogued: bool) -> tuple[Callable[..., Array], Array, Array]:
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
            size, data = a * np.exp(-alpha * x), b * np.exp(-(beta + (slope * x if kind == 1 else 0)) * y)
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


def _median_seconds(work: Callable[[], object], times: int) -> float:
    seconds = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return float(np.median(seconds))


PARTS = {"chinchilla": chinchilla, "curves": curve_lines, "tables": table_lines, "simulation": simulation_lines}


def main() -> None:
    """Prints the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART", help=", ".join(PARTS))
    for part in parser.parse_args().parts or PARTS:
        kept = RESULTS / f"laws-{part}-{sources_hash(['laws'])}.json"
        print(f"\n{part}{': kept' if kept.exists() else ''}", flush=True)
        if kept.exists():
            print("\n".join(json.loads(kept.read_text())["lines"]))
            continue
        taken, lines = say_idleness(), []
        for line in PARTS[part]():
            print(line, flush=True)
            lines.append(line)
        write_atomic(kept, json.dumps({"taken_by_others": taken, "lines": lines}, indent=1) + "\n")


if __name__ == "__main__":
    main()
