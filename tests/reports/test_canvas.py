import math

from hypothesis import assume, given
from hypothesis import strategies as st

from scalewright.reports.canvas import log_axis, looks, ticks, translucent


@given(st.floats(1e-6, 1e16), st.floats(1.02, 1e9))
def test_ticks_are_few_round_and_inside(low: float, ratio: float) -> None:
    high = low * ratio
    assume(high < 1e18)
    found = ticks(low, high)
    assert 2 <= len(found) <= 12
    assert found == sorted(set(found))
    assert all(low * (1 - 1e-9) <= value <= high * (1 + 1e-9) for value in found)
    # Two digits say a round number in full, three where the axis spans a few per cent.
    digits = 3 if ratio > 1.1 else 4
    assert all(math.isclose(float(f"{value:.{digits - 1}e}"), value, rel_tol=1e-9) for value in found)


def test_an_axis_holds_its_values_and_labels_each_tick() -> None:
    axis = log_axis("loss", [4.2, 2.1, 3.0], lambda value: f"{value:g}")
    low, high = axis["range"]  # type: ignore[misc]
    assert 10**low < 2.1 < 4.2 < 10**high
    assert axis["ticktext"] == [f"{value:g}" for value in axis["tickvals"]]  # type: ignore[attr-defined]


def test_a_single_value_still_makes_an_axis() -> None:
    low, high = log_axis("rate", [0.01], str)["range"]  # type: ignore[misc]
    assert low < -2 < high


def test_sizes_differ_in_colour_and_in_symbol() -> None:
    drawn = looks([500, 100, 100, 300, 200])
    assert list(drawn) == [100, 200, 300, 500]
    assert len({look.colour for look in drawn.values()}) == len({look.symbol for look in drawn.values()}) == 4


def test_translucent_keeps_the_colour() -> None:
    assert translucent("#D55E00", 0.2) == "rgba(213, 94, 0, 0.2)"
