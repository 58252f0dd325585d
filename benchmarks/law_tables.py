"""Forecasts of the larger runs of public tables from the smaller ones."""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from measure import SHARED
from scalewright.errors import ScalewrightError
from scalewright.laws import FORMS, Law, Runs, fit_inputs
from scalewright.laws.plain import fit_plain, plain_fit
from tables import Table, best_of_rung, beyond, curves, further, settings, size_and_data

Array = NDArray[np.float64]
FACTORS = (2, 5, 10, 30)
LEVEL = 0.9


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
        "its first form alone": lambda past: fit_inputs(
            past.inputs, past.loss, trunks=past.trunk, zero=past.zero, forms=_first(past), bootstrap=100
        ),
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


def _first(table: Table) -> str:
    # The form that weighs most before any run.
    inputs = [name for name in table.inputs if name != "unique_tokens"]
    return max((form for form in FORMS.values() if form.fits(inputs)), key=lambda form: form.prior).name


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


def further_lines() -> Iterator[str]:
    """Laws in further inputs: how closely they follow, and the largest sizes forecast from the others."""
    for table in further():
        if not table.study.startswith("settings"):
            yield from _largest(table)
    for table in further():
        if table.study == "sparsity t5":
            fitted = plain_fit(FORMS["sparsity"], Runs.checked(table.inputs, table.loss))
            yield f"sparsity t5: mean residual {np.abs(fitted.residuals).mean():.2%} (bar: 0.6 %)"
    by_task: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for table in curves():
        if table.study.startswith("finetune"):
            cut = beyond(table, 10, least=8)
            if cut:
                by_task[table.study].append((_error(cut, "auto"), _error(cut, "power")))
    for study, pairs in by_task.items():
        ours, plain = np.median(pairs, axis=0)
        yield f"{study}, 10 times the examples: median error {ours:.2%}, plain power law {plain:.2%} (bar: better)"
    for path, name, size in (("dense", "settings dense", "N"), ("moe", "settings moe", "Na")):
        yield from _best_settings(settings(f"steplaw/{path}_lr_bs_loss.csv", name, size))


def _largest(table: Table) -> Iterator[str]:
    sizes = table.inputs["params"]
    large = sizes >= np.unique(sizes)[-1] * (1 - 1e-9)
    cut = table.take(~large), table.take(large)
    ours, plain = _error(cut, "auto"), _error(cut, "power")
    yield f"{table.name}, the largest size: median error {ours:.2%}, plain power law of size {plain:.2%} (bar: better)"


def _error(cut: tuple[Table, Table], forms: str) -> float:
    # The plain power law knows the size alone, or the examples where there is no size.
    past, future = cut
    if forms == "auto":
        said = fit_inputs(past.inputs, past.loss, zero=past.zero, bootstrap=20).losses(**future.inputs)
    else:
        name = "params" if "params" in past.inputs else "tokens"
        runs = Runs.checked({name: past.inputs[name]}, past.loss, zero=past.zero)
        fitted = plain_fit(FORMS["power"], runs)
        log = FORMS["power"].log_loss(fitted.theta[None], fitted.units.points({name: future.inputs[name]}))[0]
        said = np.exp(log + fitted.units.log["loss"]) + past.zero
    return float(np.median(np.abs(np.log((said - past.zero) / (future.loss - past.zero)))))


def _best_settings(table: Table) -> Iterator[str]:
    # Each size left out in turn: the learning rate and batch of the grid that the others' law says are best, at each horizon.
    costs = []
    for size in np.unique(table.inputs["params"]):
        out = table.inputs["params"] == size
        known, unknown = table.take(~out), table.take(out)
        said = fit_inputs(known.inputs, known.loss, bootstrap=20).losses(**unknown.inputs)
        best = best_of_rung(unknown)
        for horizon in np.unique(unknown.inputs["tokens"]):
            rows = np.flatnonzero(unknown.inputs["tokens"] == horizon)
            pick = rows[np.argmin(said[rows])]
            costs.append(float(unknown.loss[pick] / best[pick] - 1))
    yield (
        f"{table.name}: rate and batch chosen for sizes left out cost {np.median(costs):.3%} of the loss (median; bar: 0.1 %), "
        f"{np.mean(costs):.3%} in the mean, {np.max(costs):.2%} at most, {len(costs)} sizes and horizons"
    )
