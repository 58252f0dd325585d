"""The best size at a budget beyond the runs: laws, and approach 2, against the optimum that was measured there."""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from scalewright.errors import ScalewrightError
from scalewright.laws import Law, fit_inputs
from scalewright.laws.isoflop import fit_isoflops
from scalewright.laws.plain import fit_plain
from tables import LAWS, Table, isoflops, size_and_data

Array = NDArray[np.float64]
Split = Callable[[Table, float], float]

FACTORS = (3, 10, 30)
_SIZES = np.exp(np.linspace(np.log(1e4), np.log(1e13), 4001))


def split_lines() -> Iterator[str]:
    """ln N* at the largest budget of 15 isoFLOP tables, from the runs of at most 1/3, 1/10 and 1/30 of it."""
    engines: dict[str, Split] = {
        "auto": lambda past, product: _least(_auto(past), product),
        "additive law with a start": lambda past, product: _least(_auto(past, "chinchilla_start"), product),
        "as papers fit": lambda past, product: _least(_plain(past), product),
        "approach 2": _approach_2,
    }
    measured = _optima()
    yield f"| size at the budget | {' | '.join(f'{factor} times beyond' for factor in FACTORS)} |"
    yield f"|{' --- |' * (len(FACTORS) + 1)}"
    for name, engine in engines.items():
        off: dict[int, list[float]] = defaultdict(list)
        for table in isoflops():
            size, product = measured[table.name]
            for factor in FACTORS:
                past = table.take(table.cost <= 1.1 * product / factor)
                try:
                    off[factor].append(abs(float(np.log(engine(past, product) / size))))
                except ScalewrightError:
                    continue
        cells = (f"{np.expm1(np.median(e)):.0%}, {np.expm1(np.max(e)):.0%} ({len(e)})" for e in off.values())
        yield f"| {name} | {' | '.join(cells)} |"
    yield "Factor by which the size is off, less 1: median, largest (tables that gave an answer)."
    table = next(size_and_data())
    for name, law in (("auto", _auto(table)), ("as papers fit", _plain(table))):
        sizes = ", ".join(f"{_least(law, flops / 6) / 1e9:.3g} B at {flops:.3g}" for flops in (1e21, 5.76e23, 3.8e25))
        yield f"{table.name}, {name}: {sizes} FLOPs (approaches 1 and 2 of Hoffmann et al.: 67 and 63 B at 5.76e23)"


def _auto(table: Table, forms: str = "auto") -> Law:
    return fit_inputs(table.inputs, table.loss, forms=forms, bootstrap=20)


def _plain(table: Table) -> Law:
    return fit_plain(table.inputs, table.loss, "chinchilla", bootstrap=20)


def _least(law: Law, product: float) -> float:
    # The size of the least loss among those whose N x D is the budget's.
    sizes = _SIZES[product / _SIZES > 1e6]
    return float(sizes[np.argmin(law.losses(params=sizes, tokens=product / sizes))])


def _approach_2(past: Table, product: float) -> float:
    N, D = past.inputs["params"], past.inputs["tokens"]
    law = fit_isoflops(_budget(N * D), N, D, past.loss, curve="interpolate").params
    return float(law.coefficient * product**law.exponent)


def _budget(product: Array) -> Array:
    # Sizes and tokens of one budget were rounded: products within 30 % are one, for budgets are factors of 2 apart.
    order = np.argsort(product)
    first = np.diff(np.log(product[order]), prepend=-np.inf) > np.log(1.3)
    starts = np.flatnonzero(first)
    mean = np.exp([np.log(part).mean() for part in np.split(product[order], starts[1:])])
    budget = np.empty_like(product)
    budget[order] = mean[np.cumsum(first) - 1]
    return budget


def _optima() -> dict[str, tuple[float, float]]:
    # N* and N* x D* at each table's largest budget.
    keys = "dataset", "hparams", "warmup", "decay", "param_count", "val"
    largest: dict[str, tuple[float, float]] = {}
    with (LAWS / "isoflop_kaplan_to_chinchilla" / "published_optima.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["n"] and row["t"]:
                name, size = f"isoflop {' '.join(row[key] for key in keys)}", float(row["n"])
                product = size * float(row["t"])
                largest[name] = max(largest.get(name, (0.0, 0.0)), (size, product), key=lambda each: each[1])
    return largest
