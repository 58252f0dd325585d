"""How few runs do: the tasks of ScaleBench, and simulated ladders against regular grids."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from law_simulation import truth
from measure import SHARED
from scalewright.errors import InputError, WorkError
from scalewright.laws import FORMS, Form, Runs, fit, fit_inputs
from scalewright.laws.beliefs import believe
from scalewright.laws.design import design
from scalewright.laws.next_run import Criterion, choose

Array = NDArray[np.float64]
Columns = dict[str, Array]

SHARE = 0.4
_SEEDS = 5
_LOOKED_AT, _TARGETS = 150, 12  # of a pool and of a target region at each step


@dataclass(frozen=True)
class Task:
    """One task of ScaleBench (Li et al. 2026, arXiv:2604.22753).

    Attributes:
        inputs: Its columns by our names.
        loss: Its column of losses.
        cost: Of runs, from their columns.
        published: R^2 in the target region: fitted to all of the pool, and to runs chosen for each share of its cost.
        zero: What losses are measured from.
    """

    inputs: dict[str, str]
    loss: str
    cost: Callable[[Columns], Array]
    published: tuple[float, dict[float, float]]
    zero: float = 0.0


def _six(d: Columns) -> Array:
    return 6 * d["params"] * d["tokens"]


TASKS = {
    "parallel": Task(
        {"params": "num_params", "branches": "parallel_size"},
        "loss",
        lambda d: d["params"],
        (0.99, {0.01: -1.0, 0.05: 0.77, 0.1: 0.99}),
    ),
    "vocab": Task(
        {"params": "non_vocab_parameters", "tokens": "num_characters", "vocab": "vocab_size"},
        "unigram_normalized_loss",
        _six,
        (0.93, {0.01: 0.96, 0.05: 0.98, 0.1: 0.98}),
        zero=-10.0,
    ),
    "moe": Task(
        {"params": "dense_parameter_count", "experts": "num_experts"},
        "loss_validation",
        lambda d: d["params"] * d["experts"],
        (0.81, {0.01: 0.59, 0.05: 0.65, 0.1: 0.83}),
    ),
    "lr_bsz": Task(
        {"params": "non_embedding_param_size", "tokens": "data_size", "rate": "lr", "batch": "bsz"},
        "lm_loss",
        _six,
        (0.04, {0.01: -0.66, 0.05: 0.0, 0.1: 0.22}),
    ),
    "sparsity": Task(
        {"params": "N_active", "experts": "P"},
        "loss",
        lambda d: 6 * d["N_dense"] * d["D1"] + 6 * d["params"] * d["D2"],
        (0.37, {0.2: 0.31, 0.35: 0.44, 0.5: 0.53}),
    ),
}


def scalebench_lines() -> Iterator[str]:
    """R^2 in the target region: our law on all of the pool, and on the runs that it chose in turn."""
    for name, task in TASKS.items():
        groups = sorted(set(_read(name, "train")["group"]))
        everything = _score(name, task, groups, lambda pool, cost, loss, targets: np.arange(len(cost)))
        yield f"{name}: all of the pool {everything:.3f} (published {task.published[0]:.2f})"
        for share, published in task.published[1].items():
            found = [_score(name, task, groups, _sequential(task, share, seed)) for seed in range(_SEEDS)]
            yield (
                f"{name}: {share:.0%} of its cost, chosen in turn {np.mean(found):.3f} (published {published:.2f}); "
                f"{min(found):.3f} to {max(found):.3f}"
            )
        others: list[Criterion] = ["variance", "determinant"]
        share = max(task.published[1])
        scores = (f"{other} {_score(name, task, groups, _sequential(task, share, 0, other)):.3f}" for other in others)
        yield f"{name}: {share:.0%} of its cost, by other criteria (once): {', '.join(scores)}"


def _score(name: str, task: Task, groups: list[str], pick: Callable[[Columns, Array, Array, Columns], Array]) -> float:
    said, true = [], []
    for group in groups:
        pool, loss = _columns(task, _of(_read(name, "train"), group))
        targets, measured = _columns(task, _of(_read(name, "test"), group))
        inputs = {column: pool[column] for column in task.inputs}
        rows = pick(inputs, task.cost(pool), loss, {column: targets[column] for column in task.inputs})
        true.append(measured)
        said.append(_forecast(task, {n: v[rows] for n, v in inputs.items()}, loss[rows], targets, float(loss.mean())))
    y, forecast = np.concatenate(true), np.concatenate(said)
    return float(max(-1.0, 1 - ((y - forecast) ** 2).sum() / ((y - y.mean()) ** 2).sum()))


def _forecast(task: Task, inputs: Columns, loss: Array, targets: Columns, otherwise: float) -> Array:
    places = {name: targets[name] for name in inputs}
    if not len(loss):
        return np.full(len(places["params"]), otherwise)
    try:
        return fit_inputs(inputs, loss, zero=task.zero, bootstrap=20).losses(**places)
    except (InputError, WorkError):  # too few runs to weigh the forms by their forecasts of each other
        beliefs = believe(_forms(tuple(inputs)), Runs.checked(inputs, loss, zero=task.zero), inputs)
        return np.asarray(np.exp(sum(b.weight * b.at(places)[0] for b in beliefs)) + task.zero)


def _sequential(
    task: Task, share: float, seed: int, criterion: Criterion = "error"
) -> Callable[[Columns, Array, Array, Columns], Array]:
    # One run after another, later several at a time, fitted again in between; a part of the pool is looked at each time.
    def pick(pool: Columns, cost: Array, loss: Array, targets: Columns) -> Array:
        rng = np.random.default_rng(seed)
        total = len(next(iter(targets.values())))
        region = rng.choice(total, min(_TARGETS, total), replace=False)
        aims = {name: values[region] for name, values in targets.items()}
        left, got = share * float(cost.sum()), np.empty(0, dtype=np.intp)
        while True:
            free = np.setdiff1d(np.flatnonzero(cost <= left * (1 + 1e-9)), got)
            if not len(free):
                return got
            free = rng.choice(free, min(_LOOKED_AT, len(free)), replace=False)
            made = {name: values[got] for name, values in pool.items()}
            runs = Runs.checked(made, loss[got], zero=task.zero) if len(got) else None
            beliefs = believe(_forms(tuple(pool)), runs, pool)
            places = {name: values[free] for name, values in pool.items()}
            chosen = choose(
                beliefs,
                made if len(got) else None,
                places,
                cost[free],
                left,
                aims,
                most=max(1, len(got) // 8),
                criterion=criterion,
            )
            got = np.append(got, free[chosen])
            left -= float(cost[free[chosen]].sum())

    return pick


def _forms(inputs: tuple[str, ...]) -> list[Form]:
    return [form for form in FORMS.values() if form.averaged and form.fits(inputs)]


def _read(name: str, part: str) -> dict[str, NDArray[np.generic]]:
    table = pq.read_table(SHARED / "laws" / "scalebench" / f"{name}_{part}.parquet").to_pydict()
    return {column: np.array(values) for column, values in table.items()}


def _of(table: dict[str, NDArray[np.generic]], group: str) -> Columns:
    rows = table["group"] == group
    return {name: values[rows].astype(float) for name, values in table.items() if name != "group"}


def _columns(task: Task, table: Columns) -> tuple[Columns, Array]:
    return table | {ours: table[theirs] for ours, theirs in task.inputs.items()}, table[task.loss]


def design_lines() -> Iterator[str]:
    """Simulated ladders: the interval at 10 times the largest run, from a grid and from a design of less compute."""
    forms = _forms(("params", "tokens"))
    for share in (SHARE, 0.6, 0.8):
        rng = np.random.default_rng(11)
        widths, errors = [], []
        for study in range(200):
            law, N, D = truth(rng, study % 2 == 0)
            noise = rng.uniform(0.002, 0.008)
            aim = {"params": np.array([N.max() * np.sqrt(10)]), "tokens": np.array([D.max() * np.sqrt(10)])}
            sizes, horizons = (_steps(axis) for axis in (N, D))
            pool = dict(zip(("params", "tokens"), (a.ravel() for a in np.meshgrid(sizes, horizons)), strict=True))
            cost, spend = pool["params"] * pool["tokens"], share * float((N * D).sum())
            found = design(believe(forms, None, pool), None, pool, cost, spend, aim, most=len(N))
            chosen = {name: values[list(found.chosen)] for name, values in pool.items()}
            true = float(law(aim["params"], aim["tokens"])[0])
            try:
                said = [
                    fit(
                        n, d, law(n, d) * np.exp(noise * rng.standard_normal(len(n))), bootstrap=60, seed=study
                    ).predict(float(aim["params"][0]), float(aim["tokens"][0]))
                    for n, d in ((N, D), (chosen["params"], chosen["tokens"]))
                ]
            except InputError:
                continue
            widths.append(np.log(said[1].high / said[1].low) / np.log(said[0].high / said[0].low))
            errors.append([abs(np.log(each.loss / true)) for each in said])
        grid, ours = np.median(errors, axis=0)
        yield (
            f"{share:.0%} of the grid's compute: interval {np.median(widths):.2f} times as wide "
            f"(median of {len(widths)}; bar: 1 at 40 %), error {ours:.2%} against {grid:.2%}"
        )


def _steps(axis: Array) -> Array:
    # From the smallest of a grid to twice its largest, by factors of the square root of two.
    return axis.min() * np.sqrt(2) ** np.arange(2 * np.log2(2 * axis.max() / axis.min()) + 0.01)
