import numpy as np
import pytest

from scalewright.laws import R_STAR, effective_tokens
from scalewright.laws.repetition import log_effective_tokens


def test_fresh_tokens_count_in_full() -> None:
    np.testing.assert_allclose(effective_tokens([1e6, 5e6], [2e6, 5e6]), [1e6, 5e6], rtol=1e-14)


def test_four_passes_are_nearly_as_good_as_fresh_data() -> None:
    """Muennighoff et al. 2023: up to four passes repeated data are almost worth new ones."""
    assert effective_tokens(4.0, 1.0) == pytest.approx(1 + 15.4 * (1 - np.exp(-3 / 15.4)), rel=1e-12)
    assert 0.92 < float(effective_tokens(4.0, 1.0)) / 4 < 0.94


def test_endless_repetition_is_worth_a_bounded_amount() -> None:
    assert float(effective_tokens(1e9, 1.0)) == pytest.approx(1 + R_STAR, rel=1e-12)


def test_derivative_in_ln_r_star() -> None:
    tokens, unique = np.array([1.0, 3.0, 60.0, 0.5]), np.ones(4)
    _, slope = log_effective_tokens(tokens, unique, 2.0)
    higher, _ = log_effective_tokens(tokens, unique, 2.0 + 1e-6)
    lower, _ = log_effective_tokens(tokens, unique, 2.0 - 1e-6)
    np.testing.assert_allclose(slope, (higher - lower) / 2e-6, atol=1e-8)
    assert slope[0] == slope[3] == 0
