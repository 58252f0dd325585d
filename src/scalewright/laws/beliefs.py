"""What is thought of each form: its parameters, how sure they are, and how far it is believed beside the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scalewright.laws.estimate import SIGMA_PRIOR, estimate
from scalewright.laws.forms import Form
from scalewright.laws.law import Law
from scalewright.laws.runs import Runs, Standard, distances
from scalewright.laws.weights import DISCREPANCY_PRIOR

Array = NDArray[np.float64]

Places = Mapping[str, Array]

FARTHEST = 20.0
"""e-folds that targets lie from runs where there are none yet."""

_HUBER_DELTA = 1.345
_STARTS = 4


@dataclass(frozen=True)
class Belief:
    """What is thought of one form.

    Attributes:
        theta: Its most probable parameters [P].
        covariance: Of theta [P, P].
        sigma: Scatter of ln loss about it.
        weight: How far it is believed, beside the others.
        units: Of theta.
        discrepancy: Its error in ln loss per e-fold of distance from the nearest run.
    """

    form: Form
    theta: Array
    covariance: Array
    sigma: float
    weight: float
    units: Standard
    discrepancy: float = DISCREPANCY_PRIOR

    def at(self, places: Places) -> tuple[Array, Array]:
        """ln L at places [m] and its derivatives in theta [P, m]."""
        log, jacobian = self.form.log_loss_and_jacobian(self.theta[None], self.units.points(places))
        return log[0] + self.units.log["loss"], jacobian[0]

    def after(self, place: Places) -> "Belief":
        """The same once a run has been made at one place [1], whatever its loss."""
        _, J = self.at(place)
        reach = self.covariance @ J
        return replace(self, covariance=self.covariance - reach @ reach.T / (J.T @ reach + self.sigma**2))


def believe(forms: Sequence[Form], runs: Runs | None, places: Places) -> list[Belief]:
    """Posteriors of forms and their weights (they sum to 1); before any run, the priors, centred on `places`."""
    if runs is None or not len(runs):
        units = Standard.of(places)
        weights = np.array([form.prior or 1.0 for form in forms])
        return [
            Belief(form, form.centre, np.diag(form.sd**2), SIGMA_PRIOR, float(weight), units)
            for form, weight in zip(forms, weights / weights.sum(), strict=True)
        ]
    fitted = [estimate(form, runs, _HUBER_DELTA, seed=0, starts=_STARTS) for form in forms]
    # Laplace's approximation of how probable the runs are under each form.
    evidence = np.array(
        [
            np.log(e.form.prior or 1.0)
            - e.objective
            - len(runs) * np.log(e.sigma)
            + 0.5 * np.linalg.slogdet(e.covariance)[1]
            - np.log(e.form.sd).sum()
            for e in fitted
        ]
    )
    weights = np.exp(evidence - evidence.max())
    return [
        Belief(e.form, e.theta, e.covariance, e.sigma, float(weight), e.units)
        for e, weight in zip(fitted, weights / weights.sum(), strict=True)
    ]


def beliefs_of(law: Law) -> list[Belief]:
    """What a fitted law thinks of its forms."""
    return [
        Belief(
            fitted.form,
            np.array(fitted.theta),
            np.atleast_2d(np.cov(fitted.draws, rowvar=False)),
            fitted.sigma,
            fitted.weight,
            law.units,
            fitted.discrepancy,
        )
        for fitted in law.forms
    ]


def discrepancy(beliefs: Sequence[Belief]) -> float:
    """Of the forms together: root mean square by weight."""
    return float(np.sqrt(sum(belief.weight * belief.discrepancy**2 for belief in beliefs)))


def away(places: Places, targets: Places, beliefs: Sequence[Belief]) -> Array:
    """e-folds from each target to each place [t, m]."""
    still = beliefs[0].form.still
    return distances({name: values for name, values in places.items() if name not in still}, targets)


def nearest(made: Places | None, targets: Places, beliefs: Sequence[Belief]) -> Array:
    """e-folds from each target to the nearest of the runs made [t]; `FARTHEST` where there are none."""
    if made is None:
        return np.full(len(next(iter(targets.values()))), FARTHEST)
    return np.asarray(np.minimum(away(made, targets, beliefs).min(axis=1), FARTHEST))
