"""What the ladder's own runs say about the speed that was timed before them."""

from types import SimpleNamespace

import pytest

from scalewright.architectures import LlamaFamily
from scalewright.machines.speed import MeasuredSpeed, Speed
from scalewright.pipeline.speeds import compute_in, ladder_drift, seconds_for

FAMILY = LlamaFamily(vocabulary=1024, context=128)
SPEED = Speed(
    precision="bf16",
    threads=1,
    beside=1,
    batch_size=8,
    points=tuple(
        MeasuredSpeed(flops_per_token=cost, tokens_per_second=5e10 / cost, spread=0.1, steps=9) for cost in (1e5, 1e9)
    ),
)


def run(number, width, share):
    shape = FAMILY.shape(width)
    return SimpleNamespace(
        id=str(number),
        configuration={"shape": shape.model_dump()},
        tokens_per_second=share * SPEED.tokens_per_second(shape.train_flops_per_token),
    )


@pytest.mark.parametrize(("shares", "expected"), [((0.7, 0.8, 0.9), 0.8), ((0.9, 1.3, 1.4), 1.0)])
def test_drift_is_the_median_and_never_a_gain(shares, expected):
    runs = [run(n, 32 + 16 * n, share) for n, share in enumerate(shares)]
    assert ladder_drift(runs, SPEED) == pytest.approx(expected)


def test_a_slower_machine_trains_in_proportion():
    assert SPEED.drifted(0.5).tokens_per_second(3e6) == pytest.approx(0.5 * SPEED.tokens_per_second(3e6))


def test_compute_and_seconds_are_inverse():
    flops = compute_in(240, FAMILY, SPEED, 1e13)
    assert flops == pytest.approx(240 * 5e10)
    assert seconds_for(flops, FAMILY, SPEED) == pytest.approx(240)
