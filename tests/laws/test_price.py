"""The price of precision, of pairs whose price is known."""

import math

import numpy as np
import pytest

from scalewright.errors import InputError
from scalewright.laws import fit, fit_inputs, fit_price, published_price

SEEDS, HORIZONS = 3, (4e8, 1.6e9)
SIZES = (6e7, 2e8)


@pytest.fixture(scope="module")
def law(hoffmann):
    return fit(hoffmann.params, hoffmann.tokens, hoffmann.losses(), forms="chinchilla", bootstrap=40)


def places(seeds=SEEDS, sizes=SIZES, horizons=HORIZONS):
    N, D, seed = (each.ravel() for each in np.meshgrid(sizes, horizons, range(seeds)))
    return N, D, [f"{n:g} {s}" for n, s in zip(N, seed, strict=True)]


def pairs(truth, rho, noise=0.0, seed=0, shared=2 / 3, **grid):
    """Columns for `fit_price`: noise of the pairs' ratios, `shared` of its variance common to the branches of a trunk."""
    N, D, trunks = places(**grid)
    rng = np.random.default_rng(seed)
    common = dict(zip(sorted(set(trunks)), rng.standard_normal(len(set(trunks))), strict=True))
    scatter = math.sqrt(shared) * np.array([common[each] for each in trunks])
    scatter = noise * (scatter + math.sqrt(1 - shared) * rng.standard_normal(len(N)))
    seeds = np.exp(0.01 * rng.standard_normal(len(N)))  # of both runs of a pair: cancels
    return {
        "params": N, "tokens": D, "trunks": trunks, "reference_loss": truth(N, D) * seeds,
        "loss": truth(N * rho(N, D), D) * seeds * np.exp(scatter), "precision": "int4",
    }  # fmt: skip


def always(rho):
    return lambda N, D: rho


@pytest.mark.parametrize("rho", [0.1, 0.6, 0.95, 0.99, 1.02, 1.5])
def test_exact_where_there_is_no_noise(law, hoffmann, rho):
    of_law = fit_price(law, **pairs(law.losses, always(rho)))
    assert of_law.rho == pytest.approx(rho, rel=1e-7)
    assert of_law.low <= rho * (1 + 1e-7)
    assert rho <= of_law.high * (1 + 1e-7)
    assert not any(warning.startswith("drift") for warning in of_law.warnings)
    of_truth = fit_price(law, **pairs(hoffmann.law, always(rho)))
    assert math.log(of_truth.rho) == pytest.approx(math.log(rho), rel=0.01)


def test_one_where_nothing_differs(law, hoffmann):
    same = fit_price(law, **pairs(hoffmann.law, always(1.0)))
    assert same.rho == pytest.approx(1.0, abs=1e-9)
    assert same.low <= 1 <= same.high
    noisy = [fit_price(law, **pairs(hoffmann.law, always(1.0), noise=2e-3, seed=seed)) for seed in range(40)]
    assert np.mean([price.low <= 1 <= price.high for price in noisy]) > 0.75


@pytest.mark.parametrize(("shared", "seeds"), [(2 / 3, 3), (0.0, 3), (1.0, 2)])
def test_the_interval_covers_at_its_level_whatever_branches_share(law, hoffmann, shared, seeds):
    found = [
        fit_price(law, **pairs(hoffmann.law, always(0.8), noise=2e-3, seed=seed, shared=shared, seeds=seeds))
        for seed in range(150)
    ]
    inside = np.mean([price.low <= 0.8 <= price.high for price in found])
    assert 0.83 < inside < 0.97  # 0.9, three standard errors of 150 draws either way
    assert np.mean([math.log(price.rho) for price in found]) == pytest.approx(math.log(0.8), abs=0.01)
    # And one rho is not often doubted where it fits: in one of twenty.
    assert np.mean([any("drift" in warning for warning in price.warnings) for price in found]) < 0.11


@pytest.mark.parametrize(
    ("rho", "name"),
    [
        (lambda N, D: 0.8 * (N / 1e8) ** -0.15, "params"),
        (lambda N, D: 0.8 * (D / 1e9) ** -0.15, "tokens"),
    ],
)
def test_a_price_that_changes_with_size_or_horizon_is_told(law, hoffmann, rho, name):
    found = fit_price(law, **pairs(hoffmann.law, rho, noise=2e-4))
    (drift,) = (warning for warning in found.warnings if warning.startswith("drift"))
    assert f"-0.15 with each e-fold of {name}" in drift
    # Without trunks the same trend is seen between pairs.
    alone = fit_price(law, **(pairs(hoffmann.law, rho, noise=2e-4, shared=0.0) | {"trunks": None}))
    assert any(f"e-fold of {name}" in warning for warning in alone.warnings)


def test_more_noise_is_a_wider_interval_and_the_reason_says_from_what(law, hoffmann):
    wide, narrow = (fit_price(law, **pairs(hoffmann.law, always(0.9), noise=noise)) for noise in (4e-3, 1e-3))
    assert wide.high / wide.low > narrow.high / narrow.low > 1
    assert (narrow.pairs, narrow.trunks, narrow.level) == (12, 6, 0.9)
    said = "fitted from 12 pairs here (6 trunks, int4 against fp32): rho = "
    assert narrow.reason.text.startswith(said)
    assert narrow.reason.origin == "fitted"


def test_two_trunks_that_disagree_tell_next_to_nothing(law, hoffmann):
    asked = pairs(hoffmann.law, always(0.9), seeds=1, horizons=(4e8,))
    asked["loss"] = asked["loss"] * [0.88, 1.12]
    found = fit_price(law, **asked)
    assert found.low == pytest.approx(1e-3)
    assert found.high == pytest.approx(1e3)
    assert found.low < found.rho < found.high


def test_sizes_worth_less_than_the_law_knows_are_told(law, hoffmann):
    found = fit_price(law, **pairs(hoffmann.law, always(0.05)))
    assert any(warning.startswith("extrapolated") for warning in found.warnings)


def test_what_the_law_leaves_open_widens_the_interval(hoffmann):
    certain, rough = (
        fit(hoffmann.params, hoffmann.tokens, hoffmann.losses(noise), forms="chinchilla", bootstrap=60)
        for noise in (1e-4, 0.02)
    )
    narrow, wide = (fit_price(law, **pairs(hoffmann.law, always(0.5))) for law in (certain, rough))
    assert wide.high / wide.low > 1.02 > narrow.high / narrow.low


def test_what_is_no_pair(law, hoffmann):
    asked = pairs(hoffmann.law, always(0.9))
    with pytest.raises(InputError, match="found 12 pairs of 1 trunk"):
        fit_price(law, **(asked | {"trunks": ["one"] * 12}))
    with pytest.raises(InputError, match="loss 3, reference_loss 12"):
        fit_price(law, **(asked | {"loss": [1.0, 2.0, 3.0]}))
    with pytest.raises(InputError, match="loss, row 2"):
        fit_price(law, **(asked | {"loss": [1.0, -2.0, *[1.0] * 10]}))
    with pytest.raises(InputError, match="more than the law gives"):
        fit_price(law, **(asked | {"loss": asked["reference_loss"] / 50}))
    curve = fit_inputs({"tokens": np.geomspace(1e6, 1e9, 12)}, 2 + np.geomspace(3, 0.1, 12), bootstrap=20)
    with pytest.raises(InputError, match="found one in tokens"):
        fit_price(curve, **asked)
    with pytest.raises(InputError, match="level: found 90"):
        fit_price(law, **asked, level=90)


def test_published_defaults_by_hand():
    # (1 - e^(-8/2.7)) (1 - e^(-8/2.2)) = 0.94833 x 0.97365; the same of 4 bits 0.77269 x 0.83769; of 32 bits 1.
    assert published_price("fp8", 8).rho == pytest.approx(0.92335, abs=1e-4)
    assert published_price("int4", 4).rho == pytest.approx(0.64727, abs=1e-4)
    assert published_price("bf16", 16).rho == pytest.approx(0.9966, abs=1e-4)
    assert published_price("fp8", 8, reference_bits=16).rho == pytest.approx(0.92335 / 0.9966, abs=1e-4)
    assert "2411.04330" in published_price("fp8", 8).reason.text
    assert published_price("fp8", 8).reason.origin == "cited"
