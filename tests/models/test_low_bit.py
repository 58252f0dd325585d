"""Low-bit formats against torch's own casts, and against every number that a format has."""

import numpy as np
import pytest
import torch

from scalewright.models.low_bit import FORMATS, rounded_rows
from scalewright.planning.ideal import BITS

E4M3, E2M1 = FORMATS["simulated-fp8-e4m3"], FORMATS["simulated-fp4-e2m1"]


def by_torch(x):
    return x.to(torch.float8_e4m3fn).float()


def all_e4m3():
    every = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn).float()
    return every[every.isfinite()].sort().values


def test_e4m3_is_torchs_on_all_numbers_of_sixteen_bits():
    every = torch.arange(-(2**15), 2**15, dtype=torch.int16)
    for kind in (torch.bfloat16, torch.float16):
        x = every.view(kind).float()
        x = x[x.abs() <= 464]  # beyond, torch has no number
        assert torch.equal(E4M3.round(x), by_torch(x))


def test_e4m3_is_torchs_in_the_middle_between_two_numbers_and_beside_it():
    numbers = all_e4m3().double()
    middle = ((numbers[1:] + numbers[:-1]) / 2).float()
    for x in (middle, torch.nextafter(middle, torch.tensor(1e9)), torch.nextafter(middle, torch.tensor(-1e9))):
        assert torch.equal(E4M3.round(x), by_torch(x))


def test_beyond_the_largest_is_the_largest():
    x = torch.tensor([465.0, 1e30, -1e30])
    assert E4M3.round(x).tolist() == [448.0, 448.0, -448.0]
    assert E2M1.round(x).tolist() == [6.0, 6.0, -6.0]
    assert E4M3.round(torch.tensor([float("nan")])).isnan().all()


def test_e2m1_by_enumeration():
    # Open Compute Project, Microscaling Formats 1.0, table 5; in the middle the one whose last bit is 0.
    numbers = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]
    x = torch.arange(0, 6.0001, 1 / 64)
    expected = []
    for value in x.tolist():
        near = sorted(range(8), key=lambda code: (abs(numbers[code] - value), code % 2))
        expected.append(numbers[near[0]])
    assert E2M1.round(x).tolist() == expected
    assert E2M1.round(-x).tolist() == [-value for value in expected]


@pytest.mark.parametrize(("name", "largest"), [("simulated-int8", 127), ("simulated-int4", 7)])
def test_whole_numbers(name, largest):
    x = torch.arange(-2 * largest, 2 * largest, 0.25)
    assert torch.equal(FORMATS[name].round(x), torch.from_numpy(np.clip(np.round(x.numpy()), -largest, largest)))


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_has_no_more_numbers_than_its_bits_tell_apart(name):
    x = torch.linspace(-FORMATS[name].largest, FORMATS[name].largest, 400_001)
    x = torch.cat([x, x * 2.0**-8, x * 2.0**-16])
    count = len((FORMATS[name].round(x) + 0.0).unique())
    assert count <= 2 ** BITS[name]
    assert count > 0.85 * 2 ** BITS[name]


def test_every_format_is_known_to_plans():
    assert set(FORMATS) == {name for name in BITS if name.startswith("simulated-")}


@pytest.mark.parametrize("name", FORMATS)
def test_rows_by_their_own_scale(name):
    form = FORMATS[name]
    x = torch.randn(7, 5, 33, generator=torch.Generator().manual_seed(0)) * torch.logspace(-6, 6, 7)[:, None, None]
    rounded = rounded_rows(x, form)
    assert torch.equal(rounded_rows(4 * x, form), 4 * rounded)
    assert all(torch.equal(rounded_rows(row, form), rounded[place]) for place, row in enumerate(x))
    assert torch.allclose(rounded_rows(rounded, form), rounded, rtol=1e-6)
    largest = x.abs().amax(-1)
    assert torch.allclose(rounded.abs().amax(-1), largest, rtol=1e-6)
    scale = (largest / form.largest)[..., None].double()
    codes = rounded.double() / scale
    assert torch.allclose(form.round(codes.float()).double(), codes, atol=1e-4)
    # Nothing lies further off than half the widest gap.
    gap = {"simulated-fp8-e4m3": 32, "simulated-fp4-e2m1": 2}.get(name, 1)
    assert ((rounded - x).abs() / scale <= gap / 2 * (1 + 1e-5)).all()


def test_a_row_of_zeros_stays_one():
    for form in FORMATS.values():
        assert torch.equal(rounded_rows(torch.zeros(2, 3), form), torch.zeros(2, 3))
