"""What tokens seen again are worth."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

R_STAR = 15.4
"""Repeats after which a further pass is worth 1/e of a new token (Muennighoff et al. 2023,
arXiv:2305.16264)."""

R_STAR_LOG_SD = 0.7
"""How far R* may lie from that on other data, in ln: a factor of two either way."""


def effective_tokens(tokens: ArrayLike, unique_tokens: ArrayLike, r_star: ArrayLike = R_STAR) -> Array:
    """Fresh tokens worth as much as `tokens` drawn from `unique_tokens`.

    D_eff = U + U R* (1 - exp(-R / R*)), R = D/U - 1 repeats (Muennighoff et al. 2023, arXiv:2305.16264, eq.
    5); D itself where nothing is repeated.
    """
    return np.asarray(np.exp(log_effective_tokens(tokens, unique_tokens, np.log(r_star))[0]))


def log_effective_tokens(tokens: ArrayLike, unique_tokens: ArrayLike, log_r_star: ArrayLike) -> tuple[Array, Array]:
    """ln D_eff and its derivative in ln R*; the arguments broadcast together."""
    D, U = np.asarray(tokens, dtype=np.float64), np.asarray(unique_tokens, dtype=np.float64)
    r_star = np.exp(np.asarray(log_r_star, dtype=np.float64))
    passes = np.maximum(D / U - 1.0, 0.0) / r_star
    gained = -np.expm1(-passes)
    effective = np.minimum(D, U) + U * r_star * gained
    derivative = U * r_star * (gained - passes * np.exp(-passes)) / effective
    return np.log(effective), derivative
