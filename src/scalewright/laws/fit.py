"""Fitting a law to runs."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from scalewright.errors import InputError
from scalewright.laws.backtest import backtest, cuts
from scalewright.laws.checks import check
from scalewright.laws.diagnosis import Candidate, explain, warn
from scalewright.laws.estimate import SIGMA_FLOOR, Estimate, estimate
from scalewright.laws.forms import FORMS, Form
from scalewright.laws.law import FittedForm, Law, Support, catalogued
from scalewright.laws.runs import UNIQUE, Runs, levels
from scalewright.laws.uncertainty import draw
from scalewright.laws.weights import Standing, weigh

HUBER_DELTA = 1.345
"""Residuals beyond this many sigma count linearly: 95 % efficient on Gaussian noise (Huber 1964)."""

_RUNGS, _LEVELS, _DRAWS = 6, 3, 20
_MANY = 4_096  # runs fitted as they are: more are averaged within narrow cells
_PLURALS = {"params": "sizes", "tokens": "horizons"}


def fit(
    params: ArrayLike,
    tokens: ArrayLike,
    loss: ArrayLike,
    *,
    unique_tokens: ArrayLike | None = None,
    trunks: Sequence[object] | None = None,
    zero: float = 0.0,
    forms: str | Sequence[str] = "auto",
    bootstrap: int = 400,
    seed: int = 0,
    huber_delta: float = HUBER_DELTA,
) -> Law:
    """Fits a law to the end points of runs.

    Args:
        params: Size N of each run [n].
        tokens: Tokens D each has seen [n].
        loss: Loss of each, in nats per token [n]. Rows with the same N and D are repeats.
        unique_tokens: Distinct tokens U each has drawn from [n]; D where not given.
        trunks: A label for each run [n]; runs with equal labels are branches of one long run and share most of its noise.
            Without labels every run is its own.
        zero: What losses are measured from, below the smallest: negative where losses are, as those above a unigram model's.
        forms: "auto" for the whole catalogue, weighed; or the name of one form, or several.
        bootstrap: Draws of the parameters kept for intervals.
        seed: Of the draws and of the starts.
        huber_delta: Residuals beyond this many sigma count linearly.

    Raises:
        InputError: a value is not positive and finite, the ladder has too few rungs, sizes or horizons, the
            form is not in the catalogue, or there are too few draws for an interval.
    """
    inputs = {"params": params, "tokens": tokens}
    if unique_tokens is not None:
        inputs[UNIQUE] = unique_tokens
    return fit_inputs(
        inputs, loss, trunks=trunks, zero=zero, forms=forms, bootstrap=bootstrap, seed=seed, huber_delta=huber_delta
    )


def fit_inputs(
    inputs: Mapping[str, ArrayLike],
    loss: ArrayLike,
    *,
    trunks: Sequence[object] | None = None,
    zero: float = 0.0,
    forms: str | Sequence[str] = "auto",
    bootstrap: int = 400,
    seed: int = 0,
    huber_delta: float = HUBER_DELTA,
) -> Law:
    """Fits a law in any inputs that the catalogue has forms for, such as {"tokens": ...} for a learning curve.

    Args and errors are those of `fit`.
    """
    all_runs = Runs.checked(inputs, loss, trunks, zero)
    runs = all_runs if len(all_runs) <= _MANY else all_runs.condensed(_MANY)
    chosen = _chosen(forms, tuple(runs.grown()))
    _check_wide_enough(runs, chosen[0].still)
    check_draws(bootstrap)
    if not huber_delta > 0:
        raise InputError(f"huber_delta: found {huber_delta:g}, expected a positive number of sigmas, such as 1.345")

    estimates = [estimate(form, runs, huber_delta, seed) for form in chosen]
    masks = cuts(runs, rows=max(len(form.own) for form in chosen), still=chosen[0].still)
    backtests = [backtest(e.form, runs, masks, e.sigma, huber_delta) for e in estimates]
    standings = weigh(estimates, backtests)
    noise = _noise(runs, estimates, standings) if runs is all_runs else _scatter(all_runs, estimates, standings)

    candidates = [Candidate(*each) for each in zip(estimates, backtests, standings, strict=True)]
    candidates.sort(key=lambda candidate: -candidate.standing.weight)
    return Law(
        form=forms if isinstance(forms, str) else "+".join(forms),
        forms=tuple(_fitted(c, runs, noise, bootstrap, huber_delta, seed) for c in candidates),
        noise=noise,
        units=runs.standard,
        support=Support.of(runs, chosen[0].still).model_copy(update={"runs": len(all_runs)}),
        warnings=(*_condensed(all_runs, runs), *check(runs), *warn(candidates, runs, masks)),
        reasons=explain(candidates, runs, noise),
    )


def check_draws(bootstrap: int) -> None:
    """Raises InputError where there are too few draws for an interval."""
    if bootstrap < _DRAWS:
        raise InputError(f"bootstrap: found {bootstrap}, expected at least {_DRAWS} draws for an interval")


def _chosen(forms: str | Sequence[str], inputs: tuple[str, ...]) -> list[Form]:
    fitting = [form for form in FORMS.values() if form.fits(inputs)]
    if forms == "auto":
        chosen = [form for form in fitting if form.averaged]
    else:
        chosen = [catalogued(name) for name in ([forms] if isinstance(forms, str) else dict.fromkeys(forms))]
    if not chosen:
        raise InputError(f"forms: found none for {', '.join(inputs)}, expected auto or some of {', '.join(FORMS)}")
    for form in chosen:
        if not form.fits(inputs):
            names = ", ".join(each.name for each in fitting) or "none"
            raise InputError(
                f"form {form.name} is one in {', '.join(form.inputs)}, the runs have {', '.join(inputs)}: "
                f"choose one of those that fit ({names}), or give other columns"
            )
    return chosen


def _check_wide_enough(runs: Runs, still: Sequence[str]) -> None:
    grown = runs.grown(still)
    found = {f"{_RUNGS} different ({', '.join(grown)})": (int(runs.rungs.max()) + 1, _RUNGS)}
    for name, values in grown.items():
        found[f"{_LEVELS} {_PLURALS.get(name, f'values of {name}')}"] = (levels(values), _LEVELS)
    missing = [f"{count} of the {wanted}" for wanted, (count, least) in found.items() if count < least]
    if missing:
        raise InputError(
            f"too few runs to fit a law: found {', '.join(missing)} it needs "
            "(values within 5 % count as one): add runs, further apart"
        )


def _noise(runs: Runs, estimates: Sequence[Estimate], standings: Sequence[Standing]) -> float:
    # The scatter about the forms bounds the noise of a run from above; repeats, where there are any, measure
    # it, and the scatter then counts as two of them.
    scatter = sum(s.weight * e.sigma**2 for e, s in zip(estimates, standings, strict=True))
    pure, degrees = runs.pure_error()
    variance = (degrees * pure + 2 * scatter) / (degrees + 2)
    return max(float(np.sqrt(variance)), SIGMA_FLOOR)


def _scatter(runs: Runs, estimates: Sequence[Estimate], standings: Sequence[Standing]) -> float:
    # Of single runs about the forms, where means of many were fitted.
    off = sum(
        s.weight * np.square(e.log_loss(runs.inputs) - np.log(runs.loss))
        for e, s in zip(estimates, standings, strict=True)
    )
    return max(float(np.sqrt(np.mean(off))), SIGMA_FLOOR)


def _condensed(runs: Runs, fitted: Runs) -> tuple[str, ...]:
    if runs is fitted:
        return ()
    return (
        f"condensed: {len(fitted):,} runs stand for {len(runs):,}: means of neighbours, or a draw in more than two inputs",
    )


def _fitted(
    candidate: Candidate, runs: Runs, noise: float, bootstrap: int, huber_delta: float, seed: int
) -> FittedForm:
    best, standing = candidate.fitted, candidate.standing
    sample = draw(best, runs, noise, bootstrap, huber_delta, seed)
    return FittedForm(
        name=best.form.name,
        weight=standing.weight,
        parameters={k: float(v[0]) for k, v in best.form.parameters(best.theta[None], best.units).items()},
        discrepancy=standing.discrepancy,
        sigma=best.sigma,
        objective=best.objective,
        starts_agreeing=best.agreeing,
        theta=tuple(best.theta.tolist()),
        sample=tuple(tuple(row) for row in sample.tolist()),
    )
