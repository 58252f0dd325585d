"""What tokens seen again are worth."""

import numpy as np

from scalewright.laws.expressions import Positive, Real

R_STAR = 15.4
"""Repeats after which a further pass is worth 1/e of a new token (Muennighoff et al. 2023,
arXiv:2305.16264)."""

R_STAR_LOG_SD = 0.7
"""How far R* may lie from that on other data, in ln: a factor of two either way."""


def effective_tokens(tokens: Positive, unique: Positive, r_star: Real) -> Positive:
    """Fresh tokens worth as much as `tokens` drawn from `unique`, of which there are no more.

    D_eff = U + U R* (1 - exp(-R / R*)), R = D/U - 1 repeats (Muennighoff et al. 2023, arXiv:2305.16264, eq.
    5); D itself where nothing is repeated.
    """
    repeats = np.expm1(tokens.log.value - unique.log.value)
    fade = -(Real(repeats) / r_star)
    gained = r_star * fade.apply(-np.expm1(fade.value), -np.exp(fade.value))
    return unique * Positive(gained.apply(np.log1p(gained.value), 1.0 / (1.0 + gained.value)))
