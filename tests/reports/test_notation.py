import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewright.reports import notation

SIZES = {"": 1.0, "k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


def plain_spaces(text: str) -> str:
    return text.replace(notation.SPACE, " ")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (7, "7"), (950, "950"), (999_499, "999 k"), (999_600, "1.00 M"), (1_234_567, "1.23 M"), (7e9, "7.00 B")],
)
def test_counts(value: float, text: str) -> None:
    assert plain_spaces(notation.count(value)) == text


@given(st.floats(1, 9e14))
def test_a_count_is_within_half_a_percent_and_shorter_than_four_digits(value: float) -> None:
    number, _, prefix = plain_spaces(notation.count(value)).partition(" ")
    assert float(number) * SIZES[prefix] == pytest.approx(value, rel=5.1e-3)
    assert float(number) < 1000


@given(st.floats(1e-9, 1e12), st.integers(1, 6))
def test_digits_rounds_to_significant_digits_without_an_exponent(value: float, significant: int) -> None:
    text = notation.digits(value, significant)
    assert re.fullmatch(r"\d+(\.\d+)?", text)
    assert float(text) == pytest.approx(value, rel=0.51 * 10.0 ** (1 - significant))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0042, "4.20 ms"),
        (0.9999, "1.00 s"),
        (12.34, "12.3 s"),
        (99.97, "1 min 40 s"),
        (204, "3 min 24 s"),
        (3599.8, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (3.1 * 86400, "3.10 d"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert plain_spaces(notation.duration(seconds)) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0.0037, "+0.4 %"), (-0.0037, "−0.4 %"), (0.0, "0.0 %"), (-0.0004, "0.0 %"), (0.1, "+10.0 %")],
)
def test_relative_differences_carry_a_sign_unless_they_vanish(fraction: float, text: str) -> None:
    assert plain_spaces(notation.percent(fraction, signed=True)) == text


def test_units() -> None:
    assert plain_spaces(notation.quantity(412e9, "FLOP/s")) == "412 GFLOP/s"
    assert plain_spaces(notation.quantity(512, "B")) == "512 B"
    assert plain_spaces(notation.quantity(20_000_000, "B")) == "20.0 MB"
    assert notation.power(4.13e13) == "4.1e13"
    assert notation.power(9.96e13) == "1.0e14"
    assert notation.times(10.23) == "10.2x"
    assert notation.loss(2.1434) == "2.143"
    assert plain_spaces(notation.tick(2_500_000)) == "2.5 M"
    assert notation.tick(3.5) == "3.5"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3_900_000, "3,900,000"),
        (0.0093, "0.0093"),
        (-0.25, "−0.25"),
        (1e-10, "1.00e-10"),
        (4.1e13, "4.10e13"),
        (True, "1"),
    ],
)
def test_numbers_of_unknown_kind(value: float, text: str) -> None:
    assert notation.plain(value) == text
