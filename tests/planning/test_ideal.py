"""The textbook's time."""

import math

import pytest

from scalewright.planning.ideal import ideal


def test_the_example_of_the_textbook():
    # N = 1e9, T = 2e9 in fp32, 16 bits, 8 devices: 1.25e8, gain ln 8.
    found = ideal(2e9, "bf16", 8, 1e9)
    assert found.seconds == pytest.approx(1.25e8)
    assert found.gain == pytest.approx(math.log(8), abs=1e-9)
    assert found.devices == 8


@pytest.mark.parametrize(("precision", "share"), [("fp32", 1), ("fp16", 1 / 2), ("fp8", 1 / 4), ("fp4", 1 / 8)])
def test_bits(precision, share):
    assert ideal(100.0, precision, 1, 1e9).seconds == pytest.approx(100 * share)
