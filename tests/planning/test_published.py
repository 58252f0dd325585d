"""Laws from published constants against their papers."""

import numpy as np
import pytest

from scalewright.errors import InputError
from scalewright.planning.published import PUBLISHED, law_and_size, published_law


def test_chinchilla_is_besiroglus():
    # Besiroglu et al. 2024, arXiv:2404.10102.
    law = published_law("published:chinchilla")
    loss = 1.8172 + 482.01 / 70e9**0.3478 + 2085.43 / 1.4e12**0.3658
    assert law.predict(70e9, 1.4e12).loss == pytest.approx(loss)
    low, high = law.intervals(0.95)["alpha"]
    assert high - low == pytest.approx(0.373 - 0.317, rel=0.1)
    low, high = law.intervals(0.95)["E"]
    assert (low, high) == pytest.approx((1.769, 1.871), abs=0.03)


def test_kaplan_is_kaplans():
    # Kaplan et al. 2020, arXiv:2001.08361, eq. 1.5 with table 1: alpha_N 0.076, alpha_D 0.095, N_c 8.8e13, D_c 5.4e13.
    N, D = 1e9, 1e10
    loss = ((8.8e13 / N) ** (0.076 / 0.095) + 5.4e13 / D) ** 0.095
    assert published_law("kaplan").losses(N, D) == pytest.approx(loss)


@pytest.mark.parametrize("name", PUBLISHED)
def test_forecasts_have_intervals_and_a_warning(name):
    law = published_law(name)
    said = law.predict(*(np.sqrt(10) * edge[1] for edge in (law.support.params, law.support.tokens)))
    assert said.low < said.loss < said.high
    assert said.extrapolation == pytest.approx(10)
    assert law.warnings[0].startswith("published: constants of")
    assert all(reason.origin == "cited" for reason in law.reasons.values())


def test_a_law_that_nobody_published():
    with pytest.raises(InputError, match="published:chinchilla"):
        law_and_size("published:moore")
    with pytest.raises(InputError, match="no such file"):
        law_and_size("law.json")
