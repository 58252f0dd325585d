import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewright.errors import InputError
from scalewright.machines.precision import advise_precision, usable_precisions

G = 1e9


@pytest.mark.parametrize(
    ("rates", "advised", "usable"),
    [
        # Processor with AVX512-BF16, without fp16.
        ({"fp32": 205 * G, "bf16": 430 * G, "fp16": 3 * G}, "bf16", ("fp32", "bf16")),
        # Older processor: both emulated.
        ({"fp32": 100 * G, "bf16": 20 * G, "fp16": 3 * G}, "fp32", ("fp32",)),
        # Processor with AMX in both: the same speed, bf16 for its range.
        ({"fp32": 1000 * G, "bf16": 8000 * G, "fp16": 8000 * G}, "bf16", ("fp32", "bf16", "fp16")),
        ({"fp32": 1000 * G, "bf16": 8000 * G, "fp16": 9900 * G}, "bf16", ("fp32", "bf16", "fp16")),
        # Volta and Turing accelerators: fp16 tensor cores, bf16 emulated.
        ({"fp32": 14e12, "bf16": 9e12, "fp16": 100e12}, "fp16", ("fp32", "fp16")),
        # Gains at and just under the threshold.
        ({"fp32": 100 * G, "bf16": 125 * G}, "bf16", ("fp32", "bf16")),
        ({"fp32": 100 * G, "bf16": 124 * G}, "fp32", ("fp32", "bf16")),
        ({"fp32": 100 * G, "bf16": 150 * G, "fp16": 400 * G}, "fp16", ("fp32", "bf16", "fp16")),
        ({"fp32": 100 * G}, "fp32", ("fp32",)),
        # Precisions that no training here knows are left aside.
        ({"fp32": 100 * G, "int4": 9e12}, "fp32", ("fp32",)),
    ],
)
def test_advice(rates: dict[str, float], advised: str, usable: tuple[str, ...]) -> None:
    assert advise_precision(rates)[0] == advised
    assert usable_precisions(rates) == usable


def test_the_reason_tells_the_measured_ratio() -> None:
    _, reason = advise_precision({"fp32": 205 * G, "bf16": 430 * G, "fp16": 3 * G})
    assert str(reason) == (
        "measured: bf16 runs matrix products 2.1x as fast as fp32 (430 against 205 GFLOP/s); "
        "fp16 at 3 GFLOP/s has no hardware here"
    )


def test_the_reason_against_lower_precisions() -> None:
    _, reason = advise_precision({"fp32": 200 * G, "bf16": 220 * G, "fp16": 0.52 * G})
    assert reason.text == (
        "bf16 at 220 GFLOP/s is not 1.25x as fast as fp32 (200 GFLOP/s); fp16 at 0.52 GFLOP/s has no hardware here"
    )
    _, reason = advise_precision({"fp32": 14e12, "bf16": 13e12, "fp16": 100e12})
    assert reason.text == (
        "fp16 runs matrix products 7.1x as fast as fp32 (100,000 against 14,000 GFLOP/s); "
        "bf16 at 13,000 GFLOP/s is not 1.25x as fast as fp16 (100,000 GFLOP/s)"
    )
    _, reason = advise_precision({"fp32": 50 * G})
    assert reason.text == "only fp32 runs here (50 GFLOP/s)"


def test_fp32_must_be_known() -> None:
    with pytest.raises(InputError, match="fp32"):
        advise_precision({"bf16": 1.0})


rates = st.floats(1e8, 1e16)


@given(rates, rates, rates)
def test_what_always_holds(fp32: float, bf16: float, fp16: float) -> None:
    measured = {"fp32": fp32, "bf16": bf16, "fp16": fp16}
    advised, reason = advise_precision(measured)
    assert advised == "fp32" or measured[advised] >= 1.25 * fp32
    assert advised in usable_precisions(measured)
    if advised == "fp16":
        assert fp16 > bf16
    if max(bf16, fp16) < fp32:
        assert advised == "fp32"
    assert "bf16" in reason.text
    assert "fp16" in reason.text
