"""Laws whose constants were published, for plans before any run of one's own."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from scalewright.architectures.decoder import Decoder
from scalewright.documents import Reason
from scalewright.errors import InputError
from scalewright.laws import FORMS, Law
from scalewright.laws.law import FittedForm, Support
from scalewright.laws.runs import Standard
from scalewright.laws.weights import DISCREPANCY_PRIOR

PREFIX = "published:"
_DRAWS, _SIZES, _HORIZONS = 400, 12, 12
_LARGE = 100.0


@dataclass(frozen=True)
class Published:
    """Constants of a law of size and data.

    Attributes:
        form: In the catalogue of forms.
        constants: As written there.
        source: Author, year, arXiv number.
        params, tokens: Smallest and largest in the runs behind it.
        exponent_sd: Standard error of alpha.
        noise: Scatter of ln loss about it.
        total: Whether its N counts all weights, not only those in matrix products.
        counted: What it was counted in.
    """

    form: str
    constants: dict[str, float]
    source: str
    params: tuple[float, float]
    tokens: tuple[float, float]
    exponent_sd: float
    noise: float
    total: bool
    counted: str


PUBLISHED = {
    "chinchilla": Published(
        form="chinchilla",
        constants={"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658},
        source="Besiroglu et al. 2024, arXiv:2404.10102, to runs of Hoffmann et al. 2022, arXiv:2203.15556",
        params=(57e6, 16.2e9),
        tokens=(2.5e8, 4.8e11),
        exponent_sd=(0.373 - 0.317) / (2 * 1.96),
        noise=0.005,
        total=True,
        counted="all weights, embeddings included; vocabulary 32,000, context 2,048",
    ),
    "hoffmann": Published(
        form="chinchilla",
        constants={"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28},
        source="Hoffmann et al. 2022, arXiv:2203.15556, approach 3; rejected by its own runs (arXiv:2404.10102)",
        params=(57e6, 16.2e9),
        tokens=(2.5e8, 4.8e11),
        exponent_sd=(0.373 - 0.317) / (2 * 1.96),
        noise=0.005,
        total=True,
        counted="all weights, embeddings included; vocabulary 32,000, context 2,048",
    ),
    "kaplan": Published(
        form="kaplan",
        constants={"A": 8.8e13**0.076, "alpha": 0.076, "B": 5.4e13**0.095, "beta": 0.095},
        source="Kaplan et al. 2020, arXiv:2001.08361; its fixed schedules favour size over data (arXiv:2406.19146)",
        params=(768.0, 1.5e9),
        tokens=(2.2e7, 2.3e10),
        exponent_sd=0.004,
        noise=0.005,
        total=False,
        counted="weights without embeddings; vocabulary 50,257, context 1,024",
    ),
}


def law_and_size(given: Law | str | Path) -> tuple[Law, Callable[[Decoder], int], str]:
    """A law, published, from a file or as it is; what of a shape its N counts; and how it is called.

    Raises:
        InputError: there is no such law, or it is not one in size and data.
    """
    total = False
    if isinstance(given, Law):
        law, called = given, given.hash
    elif isinstance(given, str) and given.startswith(PREFIX):
        law, called = published_law(given), given
        total = PUBLISHED[given.removeprefix(PREFIX)].total
    else:
        law, called = Law.load(Path(given)), str(given)
    if set(law.inputs) != {"params", "tokens"}:
        raise InputError(f"{called}: a law in {', '.join(law.inputs)}; expected one in params and tokens")
    return law, (lambda shape: shape.params_total) if total else (lambda shape: shape.params), called


@cache
def published_law(name: str) -> Law:
    """The law of this name, "published:chinchilla" or "chinchilla".

    Its draws come from the curvature at the constants over a grid of the published sizes and horizons, scaled to the published
    standard error of alpha: constants move together, as in a fit.

    Raises:
        InputError: no law of this name is known.
    """
    short = name.removeprefix(PREFIX)
    if short not in PUBLISHED:
        raise InputError(f"law {name!r}: expected {', '.join(PREFIX + known for known in PUBLISHED)}, or a law.json")
    known = PUBLISHED[short]
    form = FORMS[known.form]
    sizes, horizons = np.geomspace(*known.params, _SIZES), np.geomspace(*known.tokens, _HORIZONS)
    N, D = (axis.ravel() for axis in np.meshgrid(sizes, horizons))
    places = {"params": N, "tokens": D}
    # A law is read in units of its smallest loss, which only the law tells: units of a large loss come first.
    rough = Standard.of(places, _LARGE)
    log = form.log_loss(form.theta(known.constants, rough)[None], rough.points(places))
    units = Standard.of(places, _LARGE * float(np.exp(log.min())))
    theta = form.theta(known.constants, units)
    jacobian = form.log_loss_and_jacobian(theta[None], units.points(places))[1][0, : len(form.own)]
    covariance = np.linalg.inv(jacobian @ jacobian.T)
    where = list(form.own).index("alpha")
    sd = known.exponent_sd / known.constants["alpha"]  # of ln alpha, which theta holds
    covariance *= sd**2 / covariance[where, where]
    draws = np.tile(theta, (_DRAWS, 1))
    draws[:, : len(form.own)] = np.random.default_rng(0).multivariate_normal(theta[: len(form.own)], covariance, _DRAWS)
    fitted = FittedForm(
        name=form.name,
        weight=1.0,
        parameters={key: float(value[0]) for key, value in form.parameters(theta[None], units).items()},
        discrepancy=DISCREPANCY_PRIOR,
        sigma=known.noise,
        objective=0.0,
        starts_agreeing=1.0,
        theta=tuple(theta.tolist()),
        sample=tuple(tuple(row) for row in draws.tolist()),
    )
    reason = Reason(origin="cited", text=known.source)
    return Law(
        form=form.name,
        forms=(fitted,),
        noise=known.noise,
        units=units,
        support=Support(
            runs=len(N),
            inputs={"params": known.params, "tokens": known.tokens},
            compute=known.params[1] * known.tokens[1],
            rungs=tuple(sorted(zip(N.tolist(), D.tolist(), strict=True))),
        ),
        warnings=(
            f"published: constants of {known.source}; N counts {known.counted}: on your own text, tokenizer and recipe the "
            "loss will differ, and so may the best size: fit a ladder of your own",
        ),
        reasons=dict.fromkeys(known.constants, reason)
        | {"R_star": Reason(origin="cited", text="Muennighoff et al. 2023, arXiv:2305.16264")},
    )
