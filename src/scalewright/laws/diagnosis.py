"""Where each number of a fitted law comes from, and what is doubtful about it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scalewright.documents import Reason
from scalewright.laws.backtest import Backtest
from scalewright.laws.estimate import Estimate, estimate
from scalewright.laws.forms import Form
from scalewright.laws.runs import SHARED_NOISE, Runs, level_of
from scalewright.laws.weights import Standing

Array = NDArray[np.float64]
LogLoss = Callable[[Mapping[str, Array]], Array]
"""ln L, in nats, at places given by input [m]."""

_AGREEING = 0.3
_COUNTS = 0.2  # a form of less weight moves the forecast too little to be warned of
_FEW_CUTS = 3
_UNLEARNED = 0.8
_PRIOR_SDS = 2.0
_TIMES_NOISE = 2.0
_BETTER = 0.8  # of what a guess misses by, a law has to stay below
_OUTLYING_SIGMAS = 4.0
_FURTHER = 10.0  # times the largest run, where what outliers do is looked at
_HUBER_DELTA, _STARTS = 1.345, 4
_FEW_REPEATS = 2
_LEVELS, _FEW, _FAR_OFF = 3, 3, 3.0
_FAR, _STEPS, _RISEN = 100.0, 25, 1e-3


class Fitted(Protocol):
    """A fitted form, whichever way."""

    @property
    def form(self) -> Form:
        """What was fitted."""

    @property
    def sigma(self) -> float:
        """Scatter of ln loss about it."""

    @property
    def residuals(self) -> Array:
        """ln L predicted - ln L observed [n]."""

    @property
    def agreeing(self) -> float:
        """Share of the starts that ended there."""

    def log_loss(self, inputs: Mapping[str, Array]) -> Array:
        """ln L at places [m], in nats."""


@dataclass(frozen=True)
class Candidate:
    """A form as fitted, as tested, and as weighed."""

    fitted: Estimate
    tested: Backtest
    standing: Standing


def explain(candidates: list[Candidate], runs: Runs, noise: float) -> dict[str, Reason]:
    """Reasons by the name of the number; parameters are those of the first form, the heaviest."""
    leader = candidates[0]
    cuts = len(np.unique(leader.tested.cut))
    shares = ", ".join(f"{c.fitted.form.name} {c.standing.weight:.2f}" for c in candidates)
    return _parameters(leader.fitted, runs) | {
        "weights": Reason(
            origin="fitted" if len(candidates) > 1 else "given",
            text=f"{shares}: from forecasts of larger runs in {cuts} cuts and the scatter about each form",
        ),
        "noise": _noise(runs, noise),
        "discrepancy": Reason(
            origin="fitted" if cuts else "assumed",
            text=f"{leader.standing.discrepancy:.2%} of the loss per e-fold from the nearest run: "
            f"errors in {cuts} cuts beyond what noise explains, with a prior from public tables",
        ),
        "loss": Reason(
            origin="fitted",
            text="weighted geometric mean of the forms' most probable losses; interval from parameters, "
            "choice of form, discrepancy and run noise",
        ),
    }


def _parameters(leader: Estimate, runs: Runs) -> dict[str, Reason]:
    form = leader.form
    narrowed = np.sqrt(np.diag(leader.covariance)) / form.sd
    reasons = {}
    for name, width in zip(form.all, narrowed, strict=True):
        text = f"{form.formula} on {len(runs)} runs; uncertainty {width:.0%} of the prior's"
        reasons[name] = Reason(origin="fitted" if width < _UNLEARNED else "assumed", text=text)
    if "R_star" in reasons:
        origin, text = ("fitted", f"on {len(runs)} runs") if runs.repeats_data else ("cited", "no run repeats data")
        reasons["R_star"] = Reason.model_validate(
            {"origin": origin, "text": f"Muennighoff et al. 2023, arXiv:2305.16264; {text}"}
        )
    return reasons


def _noise(runs: Runs, noise: float) -> Reason:
    _, degrees = runs.pure_error()
    if degrees:
        return Reason(
            origin="measured",
            text=f"{noise:.2%} of the loss: trunks or runs repeated: {degrees}; the scatter counts as two more",
        )
    return Reason(origin="fitted", text=f"{noise:.2%} of the loss: scatter about the forms, as no rung is repeated")


def warn(candidates: list[Candidate], runs: Runs, masks: Sequence[NDArray[np.bool_]]) -> Iterator[str]:
    """What is doubtful about the fit: sentences that begin with a code; `masks` [n] are the runs kept by each cut."""
    leader = candidates[0]
    for candidate in candidates:
        if candidate.standing.weight >= _COUNTS:
            yield from _starts(candidate.fitted)
            yield from _unusual(candidate.fitted)
    yield from _forecasts(leader, runs, masks)

    def without(kept: NDArray[np.bool_]) -> LogLoss:
        fitted = leader.fitted
        return estimate(fitted.form, runs.take(kept), _HUBER_DELTA, seed=0, sigma=fitted.sigma, starts=_STARTS).log_loss

    def average(inputs: Mapping[str, Array]) -> Array:
        return np.asarray(sum(c.standing.weight * c.fitted.log_loss(inputs) for c in candidates))

    yield from _misfits(leader.fitted, runs, without)
    yield from _rising(average, runs, leader.fitted.form.still)


def warn_plain(fitted: Fitted, runs: Runs, without: Callable[[NDArray[np.bool_]], LogLoss]) -> Iterator[str]:
    """What is doubtful about the fit of one form without priors; `without` fits it to the runs of a mask [n]."""
    yield from _starts(fitted)
    yield from _misfits(fitted, runs, without)
    yield from _rising(fitted.log_loss, runs, fitted.form.still)


def _starts(fitted: Fitted) -> Iterator[str]:
    if fitted.agreeing < _AGREEING:
        yield (
            f"few-starts: {fitted.form.name}: only {fitted.agreeing:.0%} of the starts reached its optimum, perhaps not the "
            "best; add runs, or choose a form with fewer parameters"
        )


def _unusual(fitted: Estimate) -> Iterator[str]:
    form = fitted.form
    natural = form.parameters(fitted.theta[None], fitted.units)
    far = (fitted.theta - form.centre) / form.sd
    for name, sds in zip(form.all, far, strict=True):
        if abs(sds) > _PRIOR_SDS and name != "R_star":
            yield (
                f"unusual: {form.name}: {name} = {natural[name][0]:.3g} lies {abs(sds):.1f} sds "
                f"{'above' if sds > 0 else 'below'} what is usual; the prior still pulls it back"
            )


def _forecasts(leader: Candidate, runs: Runs, masks: Sequence[NDArray[np.bool_]]) -> Iterator[str]:
    tested, cuts = leader.tested, len(np.unique(leader.tested.cut))
    if cuts < _FEW_CUTS:
        yield (
            f"few-cuts: the runs allow {cuts} cuts into smaller and larger ones: weights and discrepancy rest on "
            "little more than their priors; add runs"
        )
        return
    missed = float(np.median(np.abs(tested.error)))
    constant = min(_missed(runs, masks, np.min), _missed(runs, masks, np.mean))
    excess = float(np.sqrt(np.mean(tested.error**2 / tested.variance)))
    if missed > _BETTER * constant:
        yield (
            f"no-law: forecasts of larger runs from smaller ones miss by {missed:.2%}, the least or mean loss of the smaller "
            f"ones by {constant:.2%}: no form of the catalogue says much more than that losses stay as they are; do not "
            "extrapolate them"
        )
    elif excess > _TIMES_NOISE:
        yield (
            f"misfit: {leader.fitted.form.name}: forecasts of larger runs from smaller ones miss by "
            f"{excess:.1f} times what noise explains; intervals allow for it"
        )


def _missed(runs: Runs, masks: Sequence[NDArray[np.bool_]], guess: Callable[[Array], float]) -> float:
    # By a guess that knows of no law.
    logs = np.log(runs.loss)
    return float(np.median(np.concatenate([np.abs(guess(logs[kept]) - logs[~kept]) for kept in masks])))


def _misfits(fitted: Fitted, runs: Runs, without: Callable[[NDArray[np.bool_]], LogLoss]) -> Iterator[str]:
    yield from _scatter(fitted, runs)
    yield from _small_runs(fitted, runs)
    yield from _outliers(fitted, runs, without)


def _scatter(fitted: Fitted, runs: Runs) -> Iterator[str]:
    pure, degrees = runs.pure_error()
    noise, spread = float(np.sqrt(pure)), float(np.std(np.log(runs.loss)))
    if fitted.sigma > _BETTER * spread:
        yield (
            f"no-law: scatter about {fitted.form.name} is {fitted.sigma:.2%} of the loss, about their mean {spread:.2%}: it "
            "says little more than that losses stay as they are; do not extrapolate them"
        )
    if degrees >= _FEW_REPEATS and fitted.sigma > _TIMES_NOISE * noise:
        yield (
            f"no-form: scatter about {fitted.form.name} is {fitted.sigma:.2%} of the loss, repeats differ by {noise:.2%}: it "
            "does not follow these runs closely; try --form auto, and look for an input that is missing"
        )


def _small_runs(fitted: Fitted, runs: Runs) -> Iterator[str]:
    # Too small to follow the law of the others: the smallest level off to one side, beyond what scatter leaves of a mean.
    for name, values in runs.grown(fitted.form.still).items():
        level = level_of(values)
        least = level == 0
        off = fitted.residuals[least]
        if level.max() < _LEVELS or len(off) < _FEW:
            continue
        # Branches of one trunk share most of their noise, which no mean over them takes away.
        branches = np.unique(runs.trunk[least], return_counts=True)[1] / len(off)
        left = fitted.sigma * np.sqrt((1 - SHARED_NOISE) / len(off) + SHARED_NOISE * (branches**2).sum())
        if abs(off.mean()) > _FAR_OFF * left:
            yield (
                f"tiny-runs: the {len(off)} runs of the least {name} ({values[least][0]:.4g}) lie "
                f"{'below' if off.mean() > 0 else 'above'} {fitted.form.name}, by {abs(off.mean()):.2%}: fit without them "
                "by --where and compare the forecasts"
            )


def _outliers(fitted: Fitted, runs: Runs, without: Callable[[NDArray[np.bool_]], LogLoss]) -> Iterator[str]:
    sigmas = np.abs(fitted.residuals) / fitted.sigma
    rows = np.flatnonzero(sigmas > _OUTLYING_SIGMAS)
    if not len(rows):
        return
    row = rows[np.argmax(sigmas[rows])]
    place = ", ".join(f"{name} {values[row]:.4g}" for name, values in runs.inputs.items())
    # The Huber loss has held them back already: what they still do to a forecast is seen without them.
    kept = np.ones(len(runs), dtype=bool)
    kept[rows] = False
    grown = runs.grown(fitted.form.still)
    beyond = {name: np.array([values.max() * _FURTHER ** (1 / len(grown))]) for name, values in grown.items()}
    beyond |= {name: np.array([np.exp(np.log(runs.inputs[name]).mean())]) for name in fitted.form.still}
    moved = float(np.expm1(without(kept)(beyond) - fitted.log_loss(beyond))[0])
    yield (
        f"outliers: {len(rows)} of {len(runs)} runs lie over {_OUTLYING_SIGMAS:g} sigma off {fitted.form.name}; the "
        f"worst, of {place}, loss {runs.loss[row] + runs.zero:.4g}, lies {sigmas[row]:.1f} sigma off: check it; without them "
        f"the forecast {_FURTHER:g} times beyond the runs moves by {moved:+.2%}"
    )


def _rising(log_loss: LogLoss, runs: Runs, still: Sequence[str]) -> Iterator[str]:
    grown = runs.grown(still)
    far = {name: np.full(_STEPS, values.max()) for name, values in grown.items()}
    far |= {name: np.full(_STEPS, np.exp(np.log(runs.inputs[name]).mean())) for name in still}
    for name, values in grown.items():
        places = far | {name: values.max() * np.geomspace(1, _FAR, _STEPS)}
        log = log_loss(places)
        rise = float(np.max(log - np.minimum.accumulate(log)))
        if rise > _RISEN:
            lowest = places[name][int(np.argmin(log))]
            yield (
                f"rising: beyond the runs the law's loss rises with {name} again from {lowest:.3g} on, by {rise:.2%} up to "
                f"{places[name][-1]:.3g}: forecasts there mean nothing; add runs with more {name}, or do not ask so far "
                "from the others"
            )
