"""Which multiples of a width a processor multiplies fast."""

import pytest

from scalewright.machines import grain
from scalewright.machines.grain import WIDTHS, least_grain, measure_grain


def rates(lost):
    """At each width, of a processor on which widths lose so much where they are no multiples of a grain."""
    return {
        width: 1e12 * (1 - sum(each for step, each in lost.items() if width % step)) for width in (192, 200, 208, 224)
    }


@pytest.mark.parametrize(
    ("lost", "found"),
    [
        ({}, 8),
        ({16: 0.01, 32: 0.01}, 8),
        ({16: 0.2}, 16),
        ({32: 0.2}, 32),
        ({16: 0.1, 32: 0.1}, 32),
        # What is within the scatter of timings is none.
        ({16: 0.2, 32: 0.04}, 16),
    ],
)
def test_the_least_whose_multiples_come_near_the_best(lost, found):
    assert least_grain(rates(lost)) == found


def test_wide_ones_are_not_taken_for_multiples_of_more():
    # A rate that grows with the width alone: the largest grain's widths lie on both sides.
    assert least_grain({width: 1e12 * width**0.3 for width in (192, 200, 208, 224)}) == 8


def test_each_width_is_a_multiple_of_its_grain_and_of_none_above():
    for step, widths in WIDTHS.items():
        assert all(width % step == 0 and all(width % other for other in WIDTHS if other > step) for width in widths)


def test_real_products_are_timed(monkeypatch):
    asked = []

    def alternating(device, precision, shapes, seconds):
        asked.extend(shapes)
        return [
            (rows * inner * columns) * (2.0 if 200 in (rows, inner, columns) else 1.0)
            for rows, inner, columns in shapes
        ]

    monkeypatch.setattr(grain, "alternating", alternating)
    assert measure_grain("bf16", 1.0) == 16
    assert len(asked) == len(set(asked)) == 12
    monkeypatch.undo()
    assert measure_grain("fp32", 0.0) in WIDTHS
