"""What is doubtful about a table of runs, before any law: each a sentence that begins with a code and ends with the mend."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from scalewright.errors import WorkError
from scalewright.laws.estimate import SIGMA_PRIOR
from scalewright.laws.isoflop import fit_isoflops
from scalewright.laws.runs import Runs, level_of, levels

Array = NDArray[np.float64]

_DENSE_ROWS, _DENSE_STEP = 15, 1.1
_SIGMAS = 3.0
_FEW_REPEATS = 2
_BUDGETS, _CURVE, _IN_CURVES, _APART = 3, 3, 0.8, 0.25
_NOISIEST = 0.5


def check(runs: Runs) -> Iterator[str]:
    """Warnings about the runs themselves."""
    yield from _duplicates(runs)
    yield from _narrow(runs)
    yield from _flat(runs)
    yield from _noisy(runs)
    yield from _budgets(runs)
    for name in runs.grown():
        yield from _along(runs, name)


def _duplicates(runs: Runs) -> Iterator[str]:
    rows = np.stack([*runs.inputs.values(), runs.loss], axis=1)
    same = len(rows) - len(np.unique(rows, axis=0))
    if same:
        yield (
            f"duplicates: {same} of {len(rows)} rows repeat another, loss included, and count twice, in the noise as well; "
            "keep one of each, unless they are runs of their own"
        )


def _narrow(runs: Runs) -> Iterator[str]:
    for name, values in runs.grown().items():
        if levels(values) == 1:
            yield (
                f"one-level: {name} is {values[0]:.4g} in every run, so that nothing is known of what it does; leave it out by "
                "--curve with another input, or add runs"
            )


def _flat(runs: Runs) -> Iterator[str]:
    cost = sum(np.log(values) for values in runs.grown().values())
    order = np.argsort(cost, kind="stable")
    quarter = max(1, len(order) // 4)
    logs = np.log(runs.loss)
    fall = float(np.median(logs[order[:quarter]]) - np.median(logs[order[-quarter:]]))
    if len(order) > 1 and fall <= _noise(runs):
        what = "do not fall" if fall > -_noise(runs) else "rise"
        yield (
            f"no-fall: losses {what} from the smallest quarter of the runs to the largest ({-fall:+.2%}): no law of scaling; "
            "check the columns, or that larger runs were trained to their end"
        )


def _noisy(runs: Runs) -> Iterator[str]:
    noise, degrees = runs.pure_error()
    effect = max(float(np.var(np.log(runs.loss))) - noise, 0.0)
    if degrees >= _FEW_REPEATS and noise > effect:
        yield (
            f"noisy: repeats differ by {np.sqrt(noise):.2%} of the loss, runs of other inputs by {np.sqrt(effect):.2%} beyond "
            "that (standard deviations): the noise hides what size and data do; repeat the runs, or set them further apart"
        )


def _budgets(runs: Runs) -> Iterator[str]:
    # Where runs are of a few budgets of compute, whether each budget shows its best size.
    if set(runs.grown()) != {"params", "tokens"}:
        return
    params, tokens = runs.inputs["params"], runs.inputs["tokens"]
    compute = 6 * params * tokens
    budget = level_of(compute)
    number = int(budget.max()) + 1
    # The diagonals of a grid are of one compute each too, but there are more of them than of horizons.
    if not _BUDGETS <= number < levels(tokens) or number > int(level_of(compute, _APART).max()) + 1:
        return
    sizes = np.array([levels(params[budget == each]) for each in range(number)])
    if np.mean(sizes[budget] >= _CURVE) < _IN_CURVES:
        return
    try:
        optima = fit_isoflops(compute, params, tokens, runs.loss, noise=min(_noise(runs), _NOISIEST)).optima
    except WorkError as error:
        yield f"isoflop-none: {error}"
        return
    found: dict[str, list[str]] = {}
    for optimum in optima:
        for flag in optimum.flags:
            found.setdefault(flag.code, []).append(flag.text)
    for code, texts in found.items():
        yield f"isoflop-{code.replace('_', '-')}: at {len(texts)} of {number} budgets of compute, such as {texts[0]}"


def _along(runs: Runs, name: str) -> Iterator[str]:
    # Runs that differ in this input alone.
    others = [values for other, values in runs.inputs.items() if other != name and other != "unique_tokens"]
    if not others:
        groups = [np.arange(len(runs))]
    else:
        label = np.unique(np.stack(others, axis=1), axis=0, return_inverse=True)[1].reshape(-1)
        count = np.bincount(label)
        # Most rows of a large table stand alone, and are told from the others without a look at each.
        rows = np.flatnonzero(count[label] > 1)
        rows = rows[np.argsort(label[rows], kind="stable")]
        groups = np.split(rows, np.cumsum(count[count > 1])[:-1])
    if name == "tokens":
        yield from _dense(runs, groups)
    noise, risen, worst = _noise(runs), 0, (0.0, 0, 0)
    for group in groups:
        place, first = np.unique(runs.inputs[name][group], return_index=True)
        if len(place) < 2:
            continue
        mean = np.array([np.log(runs.loss[group][runs.inputs[name][group] == value]).mean() for value in place])
        rise = np.diff(mean)
        risen += int((rise > _SIGMAS * np.sqrt(2) * noise).sum())
        top = int(np.argmax(rise))
        if rise[top] > worst[0]:
            worst = float(rise[top]), int(group[first[top]]), int(group[first[top + 1]])
    if risen:
        most, before, after = worst
        yield (
            f"not-falling: the loss rises with {name} {risen} times beyond {_SIGMAS:g} sigma of noise, most by {most:.1%} from "
            f"{_place(runs, before)} to {_place(runs, after)}: too high a learning rate, repeated data or an unfinished run; "
            "check those runs"
        )


def _dense(runs: Runs, groups: list[NDArray[np.intp]]) -> Iterator[str]:
    steps = []
    for group in groups:
        tokens = np.unique(runs.inputs["tokens"][group])
        if len(tokens) >= _DENSE_ROWS:
            steps.append((float(np.median(tokens[1:] / tokens[:-1])), int(group[0]), len(tokens)))
    if steps and min(steps)[0] < _DENSE_STEP:
        step, row, count = min(steps)
        yield (
            f"mid-schedule: {count} rows beside {_place(runs, row, 'tokens')} step by {step - 1:.1%} of the tokens: if they "
            "are points along one run, all but the last are of an undecayed learning rate, and lie above what such a run "
            "ends with; keep the ends of runs, and name their trunks"
        )


def _noise(runs: Runs) -> float:
    pure, degrees = runs.pure_error()
    return float(np.sqrt(pure)) if degrees >= _FEW_REPEATS else SIGMA_PRIOR


def _place(runs: Runs, row: int, without: str = "") -> str:
    return (
        ", ".join(f"{name} {values[row]:.4g}" for name, values in runs.inputs.items() if name != without) or "the rest"
    )
