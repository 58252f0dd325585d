"""How much distinct text there is, and what it is worth when its sources are repeated unequally."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scalewright.laws.repetition import R_STAR

_HALVINGS = 80


@dataclass(frozen=True)
class Supply:
    """Sources of text, and how training draws from them.

    Of D tokens that are trained on, source s gives p_s D, drawn from the U_s that it has. Each source is worth what a text
    of its own would be (Muennighoff et al. 2023, arXiv:2305.16264, eq. 5, with u_s = min(U_s, p_s D) and
    R_s = p_s D / u_s - 1), and the mixture their sum:

        D_eff = sum over s of  u_s + u_s R* (1 - exp(-R_s / R*))

    A law knows one number U of unique tokens. It is given the one for which its own formula comes to this D_eff: the single
    text that, drawn from as often in all, would be worth as much. For one source U is min(U_s, D); where no source is repeated
    it is D. Merely to add up the u_s would take repeats for evenly spread, and D_eff is concave: a small source that is seen
    ten times beside a large one that is seen in part costs more than that says.

    R* is the published one: U hardly depends on it (to second order in the repeats, (D - U)^2 / U is the sum of
    (p_s D - u_s)^2 / u_s, without R*).

    Attributes:
        tokens: U_s, distinct training tokens of each source.
        shares: p_s, adding up to 1.
    """

    tokens: tuple[int, ...]
    shares: tuple[float, ...] = (1.0,)

    @property
    def fresh(self) -> float:
        """Tokens that can be trained on before any source is repeated."""
        return min(tokens / share for tokens, share in zip(self.tokens, self.shares, strict=True))

    def passes(self, drawn: float) -> tuple[float, ...]:
        """How often each source is gone through while `drawn` tokens are trained on."""
        return tuple(share * drawn / tokens for tokens, share in zip(self.tokens, self.shares, strict=True))

    def limited(self, unique: int | None) -> "Supply":
        """The same of which `unique` tokens alone are trained on, of each source its share; all of it for None."""
        if unique is None:
            return self
        limits = (max(1, round(share * unique)) for share in self.shares)
        return Supply(tuple(map(min, limits, self.tokens)), self.shares)

    def unique(self, drawn: ArrayLike) -> NDArray[np.float64]:
        """U of D = `drawn` tokens, of any shape: at most D."""
        total = np.asarray(drawn, dtype=float)
        if len(self.tokens) == 1:
            return np.asarray(np.minimum(total, self.tokens[0]))
        worth = np.zeros_like(total)
        for tokens, share in zip(self.tokens, self.shares, strict=True):
            unique = np.minimum(tokens, share * total)
            worth += unique * _worth(share * total / unique)
        wanted = worth / total
        # A pass of x times over a text is worth _worth(x) / x a token, which falls from 1 to (1 + R*) / x at most.
        low, high = np.ones_like(total), (1 + R_STAR) / wanted
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            above = _worth(middle) / middle > wanted
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        return np.where(total <= self.fresh, total, total / high)

    def worth(self, drawn: float) -> int:
        """Distinct tokens of the single text in whose place these sources stand while `drawn` tokens are trained on: `unique`
        where they are repeated, else all that could be drawn without."""
        return max(int(self.fresh), round(float(self.unique(drawn))))


def _worth(passes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Effective over unique tokens."""
    return 1 - R_STAR * np.expm1(-(passes - 1) / R_STAR)
