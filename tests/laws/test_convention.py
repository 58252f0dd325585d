"""FLOPs counted in known ways, from the parts of a transformer."""

import numpy as np
import pytest

from scalewright.laws.convention import check_flops

LAYERS, D = (a.ravel() for a in np.meshgrid(np.array([4, 6, 8, 12, 16, 24]), 1e9 * 2.0 ** np.arange(4)))
WIDTH = 64 * LAYERS
TRUNK = 12.0 * LAYERS * WIDTH**2
EMBEDDING = 32_000.0 * WIDTH
ATTENTION = 6.0 * LAYERS * WIDTH * 1024  # FLOPs a token, causal, forward and backward


def said(params: np.ndarray, flops: np.ndarray) -> list[str]:
    return list(check_flops(params, D, flops))


def test_6_n_d_is_not_warned_of() -> None:
    assert said(TRUNK, 6 * TRUNK * D) == []
    assert said(TRUNK, 6 * TRUNK * D * np.exp(0.01 * np.random.default_rng(0).standard_normal(len(D)))) == []


@pytest.mark.parametrize(
    ("times", "named"),
    [(2, "2 N D"), (3, "3 N D"), (8, "8 N D"), (1, "N D, without"), (6e-18, "EFLOPs"), (6 / 8.64e19, "days")],
)
def test_other_ways_of_counting_are_named(times: float, named: str) -> None:
    (text,) = said(TRUNK, times * TRUNK * D)
    assert text.startswith("flops-other")
    assert named in text


def test_a_ratio_that_is_no_way_of_counting_is_given() -> None:
    (text,) = said(TRUNK, 6 * 0.7 * TRUNK * D)
    assert "0.7 times 6 N D, near no common way of counting" in text


@pytest.mark.parametrize(
    ("params", "per_token", "said_of"),
    [
        (TRUNK, 6 * (TRUNK + EMBEDDING), "params leave out embeddings"),
        (TRUNK, 6 * TRUNK + ATTENTION, "FLOPs hold attention too"),
        (TRUNK + EMBEDDING, 6 * TRUNK, "params hold embeddings that FLOPs leave out"),
    ],
)
def test_what_is_counted_in_one_column_alone_is_named(params: np.ndarray, per_token: np.ndarray, said_of: str) -> None:
    (text,) = said(params, per_token * D)
    assert said_of in text
    ratio = per_token / 6 / params
    assert f"{ratio[LAYERS == 4][0]:.3g} times 6 N D" in text
    assert f"{ratio[LAYERS == 24][0]:.3g} times at" in text


def test_rows_counted_otherwise_are_named_by_their_number() -> None:
    flops = 6 * (TRUNK + EMBEDDING) * D
    flops[[5, 9]] *= 1.5
    texts = list(check_flops(TRUNK, D, flops, np.arange(100, 100 + len(D))))
    assert [text.split(":")[0] for text in texts] == ["flops-other", "flops-mixed"]
    assert f"2 of {len(D)} rows" in texts[1]
    assert "first in row 105" in texts[1]
