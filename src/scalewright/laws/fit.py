"""Fitting a law to a ladder."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from scalewright.errors import InputError
from scalewright.laws.backtest import backtest, cuts
from scalewright.laws.diagnosis import Candidate, explain, warn
from scalewright.laws.estimate import SIGMA_FLOOR, Estimate, estimate
from scalewright.laws.forms import FORMS, Form
from scalewright.laws.ladder import Ladder, levels
from scalewright.laws.law import FittedForm, Law, Support, catalogued
from scalewright.laws.uncertainty import draw
from scalewright.laws.weights import Standing, weigh

HUBER_DELTA = 1.345
"""Residuals beyond this many sigma count linearly: 95 % efficient on Gaussian noise (Huber 1964)."""

_RUNGS, _SIZES, _HORIZONS, _DRAWS = 6, 3, 3, 20


def fit(
    params: ArrayLike,
    tokens: ArrayLike,
    loss: ArrayLike,
    *,
    unique_tokens: ArrayLike | None = None,
    trunks: Sequence[object] | None = None,
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
        forms: "auto" for the whole catalogue, weighed; or the name of one form, or several.
        bootstrap: Draws of the parameters kept for intervals.
        seed: Of the draws and of the starts.
        huber_delta: Residuals beyond this many sigma count linearly.

    Raises:
        InputError: a value is not positive and finite, the ladder has too few rungs, sizes or horizons, the
            form is not in the catalogue, or there are too few draws for an interval.
    """
    ladder = Ladder.checked(params, tokens, loss, unique_tokens, trunks)
    _check_wide_enough(ladder)
    if bootstrap < _DRAWS:
        raise InputError(f"bootstrap: found {bootstrap}, expected at least {_DRAWS} draws for an interval")
    if not huber_delta > 0:
        raise InputError(f"huber_delta: found {huber_delta:g}, expected a positive number of sigmas, such as 1.345")
    chosen = _chosen(forms)

    estimates = [estimate(form, ladder, huber_delta, seed) for form in chosen]
    masks = cuts(ladder, rows=max(len(form.priors) - 1 for form in FORMS.values()))
    backtests = [backtest(e.form, ladder, masks, e.sigma, huber_delta) for e in estimates]
    standings = weigh(estimates, backtests)
    noise = _noise(ladder, estimates, standings)

    candidates = [Candidate(*each) for each in zip(estimates, backtests, standings, strict=True)]
    candidates.sort(key=lambda candidate: -candidate.standing.weight)
    return Law(
        form=forms if isinstance(forms, str) else "+".join(forms),
        forms=tuple(_fitted(c, ladder, noise, bootstrap, huber_delta, seed) for c in candidates),
        noise=noise,
        units=ladder.standard,
        support=_support(ladder),
        warnings=tuple(warn(candidates, ladder)),
        reasons=explain(candidates, ladder, noise),
    )


def _chosen(forms: str | Sequence[str]) -> list[Form]:
    names = list(FORMS) if forms == "auto" else [forms] if isinstance(forms, str) else list(dict.fromkeys(forms))
    if not names:
        raise InputError(f"forms: found none, expected auto or some of {', '.join(FORMS)}")
    return [catalogued(name) for name in names]


def _check_wide_enough(ladder: Ladder) -> None:
    found = {
        f"{_RUNGS} different (params, tokens)": (len(set(ladder.rungs)), _RUNGS),
        f"{_SIZES} sizes": (levels(ladder.params), _SIZES),
        f"{_HORIZONS} horizons": (levels(ladder.tokens), _HORIZONS),
    }
    missing = [f"{count} of the {wanted}" for wanted, (count, least) in found.items() if count < least]
    if missing:
        raise InputError(
            f"too few runs to fit a law: found {', '.join(missing)} it needs "
            "(values within 5 % count as one): add runs, or sizes and horizons further apart"
        )


def _noise(ladder: Ladder, estimates: Sequence[Estimate], standings: Sequence[Standing]) -> float:
    # The scatter about the forms bounds the noise of a run from above; repeats, where there are any, measure
    # it, and the scatter then counts as two of them.
    scatter = sum(s.weight * e.sigma**2 for e, s in zip(estimates, standings, strict=True))
    pure, degrees = ladder.pure_error()
    variance = (degrees * pure + 2 * scatter) / (degrees + 2)
    return max(float(np.sqrt(variance)), SIGMA_FLOOR)


def _fitted(
    candidate: Candidate, ladder: Ladder, noise: float, bootstrap: int, huber_delta: float, seed: int
) -> FittedForm:
    best, standing = candidate.fitted, candidate.standing
    sample = draw(best, ladder, noise, bootstrap, huber_delta, seed)
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


def _support(ladder: Ladder) -> Support:
    return Support(
        runs=len(ladder),
        params=(float(ladder.params.min()), float(ladder.params.max())),
        tokens=(float(ladder.tokens.min()), float(ladder.tokens.max())),
        compute=float(ladder.compute.max()),
        rungs=tuple(sorted(set(zip(ladder.params.tolist(), ladder.tokens.tolist(), strict=True)))),
    )
