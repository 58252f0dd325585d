"""One form fitted as papers fit it: no priors, a robust loss on log residuals, a bootstrap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scalewright.documents import Reason
from scalewright.errors import InputError, WorkError
from scalewright.laws.checks import check
from scalewright.laws.diagnosis import LogLoss, warn_plain
from scalewright.laws.estimate import SIGMA_FLOOR, posed, robust_scatter
from scalewright.laws.fit import check_draws
from scalewright.laws.forms import Form
from scalewright.laws.law import FittedForm, Law, Support, catalogued
from scalewright.laws.minimise import Minima, Problem, minimise
from scalewright.laws.runs import Runs, Standard
from scalewright.laws.starts import starts

Array = NDArray[np.float64]

HUBER_DELTA = 1e-3
"""Log residuals beyond this count linearly (Hoffmann et al. 2022, arXiv:2203.15556, appendix D.3)."""

TOLERANCE = 1e-12
"""Relative gain of a step at which a fit has converged."""

_STARTS = 8
_AGREES = 1e-6
_WIDER, _ROUGH = 8.0, 1e-4
_OUTLYING = 1.345  # sigmas beyond which a residual does not widen the scatter


@dataclass(frozen=True)
class PlainFit:
    """A form at its best parameters.

    Attributes:
        problem: What was minimised.
        theta: Best unconstrained parameters [P].
        objective: Sum of Huber(log residual) there.
        agreeing: Share of the starts that ended there.
        residuals: ln L of the law - ln L observed [n].
        units: Of theta.
    """

    problem: Problem
    theta: Array
    objective: float
    agreeing: float
    residuals: Array
    units: Standard

    @property
    def form(self) -> Form:
        """What was fitted."""
        return self.problem.form

    @property
    def sigma(self) -> float:
        """Scatter of ln loss about the form that outliers do not widen."""
        rough = float(np.sqrt(np.mean(self.residuals**2)))
        return robust_scatter(self.residuals, rough, len(self.residuals) - len(self.form.own), _OUTLYING)

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters as people write them."""
        natural = self.problem.form.parameters(self.theta[None], self.units)
        return {name: float(value[0]) for name, value in natural.items()}

    def objective_at(self, parameters: Mapping[str, float]) -> float:
        """The objective at other parameters, as people write them."""
        theta = self.problem.form.theta(parameters, self.units)[None]
        residuals = self.problem.form.log_loss(theta, self.problem.points) - self.problem.log_loss
        return float(self.problem.objective(theta, residuals)[0])

    def log_loss(self, inputs: Mapping[str, Array]) -> Array:
        """ln L at places [m], in nats."""
        return np.asarray(self.form.log_loss(self.theta[None], self.units.points(inputs))[0] + self.units.log["loss"])

    def without(self, kept: NDArray[np.bool_]) -> LogLoss:
        """ln L of the form fitted to the runs of a mask [n] alone."""
        return replace(self, theta=self.resampled(kept[None].astype(np.float64)).theta[0]).log_loss

    def resampled(self, counts: Array) -> Minima:
        """Fits to resampled runs, from how often each of them was drawn [S, n]."""
        problem = replace(self.problem, weights=np.asarray(counts, dtype=np.float64))
        return minimise(problem, np.tile(self.theta, (len(counts), 1)))


def plain_fit(form: Form, runs: Runs, delta: float = HUBER_DELTA, seed: int = 0, count: int = _STARTS) -> PlainFit:
    """The global minimum of sum Huber_delta(ln L predicted - ln L observed).

    Raises:
        WorkError: there are no more places than parameters, so that any law of this form would fit.
    """
    places, free = int(runs.rungs.max()) + 1, len(form.own) + runs.repeats_data
    if places <= free:
        raise WorkError(
            f"{places} different places meet the {free} parameters of {form.name}: the law would pass through them whatever "
            "it says beyond; add runs, or choose a form with fewer parameters"
        )
    problem = posed(form, runs, delta, 1.0)
    known = np.zeros(len(form.all))
    if "R_star" in form.all and not runs.repeats_data:
        known[-1] = form.sd[-1] ** -2  # runs without repeats say nothing of it
    problem = replace(problem, precision=known)
    # With few runs a small delta makes kinks that hold a descent up: a wider one leads to them.
    wide = minimise(replace(problem, delta=_WIDER * delta), starts(problem, count, seed), _ROUGH)
    minima = minimise(problem, wide.theta, TOLERANCE)
    best = int(np.argmin(minima.objective))
    objective = float(minima.objective[best])
    theta = minima.theta[best]
    return PlainFit(
        problem=problem,
        theta=theta,
        objective=objective,
        agreeing=float(np.mean(minima.objective <= objective * (1 + _AGREES))),
        residuals=(form.log_loss(theta[None], problem.points) - problem.log_loss)[0],
        units=runs.standard,
    )


def fit_plain(
    inputs: Mapping[str, ArrayLike],
    loss: ArrayLike,
    form: str,
    *,
    trunks: Sequence[object] | None = None,
    zero: float = 0.0,
    bootstrap: int = 400,
    resample: Literal["runs", "trunks"] = "runs",
    seed: int = 0,
    huber_delta: float = HUBER_DELTA,
) -> Law:
    """Fits one form without priors, as papers do; its intervals are those of a bootstrap.

    They hold neither the choice of the form nor what it gets wrong beyond the data: `fit` with forms="auto" does.

    Args:
        inputs: What was bought by each run, [n] each, such as {"params": ..., "tokens": ...}.
        loss: Loss of each, in nats [n].
        form: Its name in the catalogue.
        trunks: A label for each run; equal labels are branches of one long run.
        zero: What losses are measured from, below the smallest.
        bootstrap: Fits to resampled runs.
        resample: Single runs, or whole trunks with all their branches.
        seed: Of the starts and of the resampling.
        huber_delta: Log residuals beyond this count linearly; infinite for least squares.

    Raises:
        InputError: a value is not positive and finite, the form is unknown or does not fit the inputs, or there are too few
            draws for an interval.
        WorkError: there are no more different runs than parameters, or the runs do not determine them.
    """
    chosen, runs = catalogued(form), Runs.checked(inputs, loss, trunks, zero)
    if not chosen.fits(runs.grown()):
        raise InputError(f"form {form} is one in {', '.join(chosen.inputs)}, the runs have {', '.join(runs.grown())}")
    if not huber_delta > 0:
        raise InputError(f"huber_delta: found {huber_delta:g}, expected a positive log residual, such as 1e-3, or inf")
    check_draws(bootstrap)
    fitted = plain_fit(chosen, runs, huber_delta, seed)
    if not np.all(np.isfinite(list(fitted.parameters.values()))):
        raise WorkError(
            f"{form}: its parameters run away without end on these {len(runs)} runs, which do not determine them: add runs, "
            "choose a form with fewer parameters, or give it priors (--priors, or fit)"
        )
    clusters = runs.trunk if resample == "trunks" else np.arange(len(runs))
    sample = fitted.resampled(resampling(clusters, bootstrap, np.random.default_rng(seed))).theta
    sigma = max(float(np.sqrt(np.mean(fitted.residuals**2) * len(runs) / (len(runs) - len(chosen.own)))), SIGMA_FLOOR)
    best = FittedForm(
        name=form,
        weight=1.0,
        parameters=fitted.parameters,
        discrepancy=0.0,
        sigma=sigma,
        objective=fitted.objective,
        starts_agreeing=fitted.agreeing,
        theta=tuple(fitted.theta.tolist()),
        sample=tuple(tuple(row) for row in sample.tolist()),
    )
    how = f"{chosen.formula} on {len(runs)} runs ({chosen.source}); sum of Huber(log residual, {huber_delta:g}), no priors"
    return Law(
        form=form,
        forms=(best,),
        noise=sigma,
        units=fitted.units,
        support=Support.of(runs, chosen.still),
        warnings=(
            *check(runs),
            *warn_plain(fitted, runs, fitted.without),
            f"bootstrap: intervals come from {bootstrap} resamplings of {form}: neither the choice of form nor what it gets "
            "wrong beyond the data is in them (form auto has both)",
        ),
        reasons={name: Reason(origin="fitted", text=how) for name in chosen.own} | _repeats(chosen, runs, how),
    )


def _repeats(form: Form, runs: Runs, how: str) -> dict[str, Reason]:
    if "R_star" not in form.all:
        return {}
    if runs.repeats_data:
        return {"R_star": Reason(origin="fitted", text=how)}
    return {"R_star": Reason(origin="cited", text="Muennighoff et al. 2023, arXiv:2305.16264; no run repeats data")}


def resampling(clusters: NDArray[np.intp], count: int, rng: np.random.Generator) -> Array:
    """How often each run is drawn [count, n] when its clusters are drawn with replacement."""
    labels, position = np.unique(clusters, return_inverse=True)
    drawn = rng.multinomial(len(labels), np.full(len(labels), 1 / len(labels)), size=count)
    return np.asarray(drawn[:, position], dtype=np.float64)
