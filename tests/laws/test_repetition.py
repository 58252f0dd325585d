import numpy as np
import pytest

from scalewright.laws import R_STAR
from scalewright.laws.expressions import Real, exp
from scalewright.laws.repetition import effective_tokens


def worth(tokens: float, unique: float, r_star: float = R_STAR) -> float:
    D, U = (exp(Real(np.log(value))) for value in (tokens, unique))
    return float(np.exp(effective_tokens(D, U, Real(r_star)).log.value))


def test_fresh_tokens_count_in_full() -> None:
    assert worth(5e6, 5e6) == pytest.approx(5e6, rel=1e-14)


def test_four_passes_are_nearly_as_good_as_fresh_data() -> None:
    """Muennighoff et al. 2023: up to four passes repeated data are almost worth new ones."""
    assert worth(4.0, 1.0) == pytest.approx(1 + 15.4 * (1 - np.exp(-3 / 15.4)), rel=1e-12)
    assert 0.92 < worth(4.0, 1.0) / 4 < 0.94


def test_endless_repetition_is_worth_a_bounded_amount() -> None:
    assert worth(1e9, 1.0) == pytest.approx(1 + R_STAR, rel=1e-12)


def test_derivative_in_ln_r_star() -> None:
    tokens, unique = exp(Real(np.log([1.0, 3.0, 60.0]))), exp(Real(np.zeros(3)))

    def log(log_r_star: float) -> Real:
        return effective_tokens(tokens, unique, exp(Real(log_r_star, {"R_star": 1.0})).real).log

    slope = np.asarray(log(2.0).by["R_star"])
    difference = (np.asarray(log(2.0 + 1e-6).value) - np.asarray(log(2.0 - 1e-6).value)) / 2e-6
    np.testing.assert_allclose(slope, difference, atol=1e-8)
    assert slope[0] == 0
