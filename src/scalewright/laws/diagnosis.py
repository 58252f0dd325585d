"""Where each number of a fitted law comes from, and what is doubtful about it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scalewright.documents import Reason
from scalewright.laws.backtest import Backtest
from scalewright.laws.estimate import Estimate
from scalewright.laws.runs import Runs
from scalewright.laws.weights import Standing

_AGREEING = 0.3
_COUNTS = 0.2  # a form of less weight moves the forecast too little to be warned of
_FEW_CUTS = 3
_UNLEARNED = 0.8
_PRIOR_SDS = 2.0
_TIMES_NOISE = 2.0
_OUTLYING_SIGMAS = 4.0


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


def warn(candidates: list[Candidate], runs: Runs) -> Iterator[str]:
    """One sentence for each thing that is doubtful."""
    leader = candidates[0]
    for candidate in candidates:
        if candidate.standing.weight >= _COUNTS:
            yield from _doubts(candidate.fitted)
    cuts = len(np.unique(leader.tested.cut))
    if cuts < _FEW_CUTS:
        yield (
            f"the runs allow {cuts} cuts into smaller and larger ones: weights and discrepancy rest on "
            "little more than their priors; add runs"
        )
    else:
        excess = float(np.sqrt(np.mean(leader.tested.error**2 / leader.tested.variance)))
        if excess > _TIMES_NOISE:
            yield (
                f"{leader.fitted.form.name}: forecasts of larger runs from smaller ones miss by "
                f"{excess:.1f} times what noise explains"
            )
    pure, degrees = runs.pure_error()
    scatter = leader.fitted.sigma
    if degrees >= 2 and scatter > _TIMES_NOISE * np.sqrt(pure):
        yield (
            f"scatter about {leader.fitted.form.name} is {scatter:.2%} of the loss, repeats differ by "
            f"{np.sqrt(pure):.2%}: no form of the catalogue follows these runs closely"
        )
    sigmas = np.abs(leader.fitted.residuals) / scatter
    for row in np.flatnonzero(sigmas > _OUTLYING_SIGMAS):
        place = ", ".join(f"{name} {values[row]:.4g}" for name, values in runs.inputs.items())
        yield f"the run of {place}, loss {runs.loss[row]:.4g}, lies {sigmas[row]:.1f} sigma off: check it"


def _doubts(fitted: Estimate) -> Iterator[str]:
    form = fitted.form
    if fitted.agreeing < _AGREEING:
        yield f"{form.name}: only {fitted.agreeing:.0%} of the starts reached its optimum"
    natural = form.parameters(fitted.theta[None], fitted.units)
    far = (fitted.theta - form.centre) / form.sd
    for name, sds in zip(form.all, far, strict=True):
        if abs(sds) > _PRIOR_SDS and name != "R_star":
            yield (
                f"{form.name}: {name} = {natural[name][0]:.3g} lies {abs(sds):.1f} sds "
                f"{'above' if sds > 0 else 'below'} what is usual; the prior still pulls it back"
            )
