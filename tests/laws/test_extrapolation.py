import numpy as np
import pytest

from scalewright.laws import Law, fit_inputs
from scalewright.laws.extrapolation import warn_far

N, D = (a.ravel() for a in np.meshgrid(1e7 * 2.0 ** np.arange(4), 1e9 * 2.0 ** np.arange(4)))  # up to 8e7 and 8e9


@pytest.fixture(scope="module")
def law() -> Law:
    loss = 1.8172 + 482.01 * N**-0.3478 + 2085.43 * D**-0.3658
    return fit_inputs({"params": N, "tokens": D}, loss, forms="chinchilla", bootstrap=20)


@pytest.mark.parametrize(
    ("params", "tokens", "said"),
    [
        (8e7, 8e9, None),
        (8e7 * 5, 8e9 * 5.9, None),
        (8e7 * 5, 8e9 * 6.2, "31 times beyond the largest run in params x tokens"),
        (8e7 * 12, 8e9, "params 9.6e+08 is 12 times the largest"),
        (8e7, 1e9 / 20, "tokens 5e+07 is 1/20 of the smallest"),
    ],
)
def test_far_is_beyond_thirty_times_the_product_or_ten_times_one_input(
    law: Law, params: float, tokens: float, said: str | None
) -> None:
    texts = list(warn_far(law, {"params": np.array([params]), "tokens": np.array([tokens])}))
    assert len(texts) == (said is not None)
    assert said is None or (texts[0].startswith("far: ") and said in texts[0])


def test_of_a_table_the_places_are_counted(law: Law) -> None:
    places = {"params": np.array([8e7, 8e8, 8e9]), "tokens": np.array([8e9, 8e10, 8e9])}
    (text,) = warn_far(law, places)
    assert text.startswith("far: 2 of 3 places, up to 100 times")
