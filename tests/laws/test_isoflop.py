import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalewright.errors import InputError, WorkError
from scalewright.laws.isoflop import IsoflopFit, fit_isoflops

BUDGETS = 10.0 ** np.arange(18, 22)
E, A, B, ALPHA, BETA = 1.8172, 482.01, 2085.43, 0.3478, 0.3658  # Besiroglu et al. 2024, arXiv:2404.10102
CONFIGURATION = ("table", "dataset", "hparams", "warmup", "decay", "param_count", "val")

NOISE = {"rw": 0.002, "owt2": 0.01}
"""Porian et al.'s noise from seed to seed in nats, by data set."""


class Rows(NamedTuple):
    compute: np.ndarray
    params: np.ndarray
    tokens: np.ndarray
    loss: np.ndarray


def best(compute: np.ndarray) -> np.ndarray:
    """The size of least loss on the surface above, in closed form."""
    return (ALPHA * A / BETA / B) ** (1 / (ALPHA + BETA)) * (compute / 6) ** (BETA / (ALPHA + BETA))


def grid(factor: float = 4.0, sizes: int = 9, shift: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Sizes within a factor of the best one, times a shift, at every budget."""
    compute = np.repeat(BUDGETS, sizes)
    return compute, best(compute) * shift * np.tile(np.geomspace(1 / factor, factor, sizes), len(BUDGETS))


def surface(compute: np.ndarray, params: np.ndarray, noise: float = 0.0, seed: int = 0) -> Rows:
    tokens = compute / 6 / params
    loss = E + A * params**-ALPHA + B * tokens**-BETA
    return Rows(compute, params, tokens, loss * np.exp(noise * np.random.default_rng(seed).standard_normal(len(loss))))


def codes(fit: IsoflopFit) -> list[list[str]]:
    return [[flag.code for flag in optimum.flags] for optimum in fit.optima]


def read(path: Path) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    with path.open() as file:
        for row in csv.DictReader(file):
            yield tuple(row[name] for name in CONFIGURATION), row


class Published(NamedTuple):
    rows: dict[tuple[str, ...], Rows]
    optima: dict[tuple[str, ...], dict[float, str]]
    fits: list[tuple[tuple[str, ...], dict[str, Any]]]


@pytest.fixture(scope="module")
def porian(shared_data: Path) -> Published:
    """Runs, optima and power laws of Porian et al. 2024, arXiv:2406.19146."""
    folder = shared_data / "laws" / "isoflop_kaplan_to_chinchilla"
    points, optima = defaultdict(list), defaultdict(dict)
    for key, row in read(folder / "isoflop_points.csv"):
        points[key].append([float(row[name]) for name in ("flops", "n", "tokens", "loss")])
    for key, row in read(folder / "published_optima.csv"):
        optima[key][float(row["flops"])] = row["n"]
    rows = {key: Rows(*np.array(values).T) for key, values in points.items()}
    return Published(rows, optima, list(read(folder / "published_fits.csv")))


@pytest.fixture(scope="module")
def refitted(porian: Published) -> dict[tuple[tuple[str, ...], bool], IsoflopFit]:
    return {
        (key, weighted): fit_isoflops(
            *rows, curve="interpolate", weighted=weighted, noise=NOISE[key[1]] / float(rows.loss.mean())
        )
        for key, rows in porian.rows.items()
        for weighted in (False, True)
    }


def test_published_exponents_are_reproduced(porian: Published, refitted: Any) -> None:
    # "bs_median" fits the medians of the draws, which the authors took as the optima of "basic" too.
    assert len(porian.fits) == 60
    for key, row in porian.fits:
        fit = refitted[key, "weighted" in row["method"]]
        assert fit.params.exponent == pytest.approx(float(row["n_exponent"]), abs=0.01), (key, row["method"])
        assert fit.tokens.exponent == pytest.approx(float(row["t_exponent"]), abs=0.01), (key, row["method"])


def test_published_optima_are_reproduced(porian: Published, refitted: Any) -> None:
    for key, published in porian.optima.items():
        fit = refitted[key, False]
        assert fit.left_out == pytest.approx([flops for flops, params in published.items() if not params])
        for optimum in fit.optima:
            if optimum.inside:
                theirs = float(published[min(published, key=lambda flops: abs(flops - optimum.flops))])
                assert abs(np.log(optimum.params / theirs)) < optimum.standard_error, (key, optimum)


@pytest.mark.parametrize("sizes", [[1e7, 3e7, 1e8, 2e8, 1e9], [1e8, 2e8, 3e8, 4e8, 5e8, 6e8]])
def test_a_quadratic_loss_gives_its_vertex(sizes: list[float]) -> None:
    compute, params = np.repeat(BUDGETS, len(sizes)), np.tile(sizes, len(BUDGETS))
    vertex = 1.5e8 * (compute / 1e18) ** 0.1
    loss = 2.5 - 0.1 * np.log10(compute / 1e18) + 0.07 * np.log(params / vertex) ** 2
    fit = fit_isoflops(compute, params, compute / params, loss)
    assert [optimum.params for optimum in fit.optima] == pytest.approx(1.5e8 * (BUDGETS / 1e18) ** 0.1, rel=1e-9)
    assert [optimum.loss for optimum in fit.optima] == pytest.approx([2.5, 2.4, 2.3, 2.2], rel=1e-9)
    assert fit.params.exponent == pytest.approx(0.1, abs=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("curve", "width"), [("parabola", 4.0), ("parabola", 10.0), ("interpolate", 10.0)])
def test_a_chinchilla_surface_gives_its_exponents(weighted: bool, curve: Any, width: float) -> None:
    rows = surface(*grid(width, shift=1.3))
    fit = fit_isoflops(*rows, curve=curve, weighted=weighted)
    accuracy = 1e-6 if curve == "parabola" else 1e-4
    assert fit.params.exponent == pytest.approx(BETA / (ALPHA + BETA), abs=accuracy)
    assert fit.tokens.exponent == pytest.approx(ALPHA / (ALPHA + BETA), abs=accuracy)
    assert fit.params.at(1e20) == pytest.approx(best(np.array(1e20)), rel=0.05)
    assert [optimum.loss for optimum in fit.optima] == pytest.approx(
        surface(BUDGETS, best(BUDGETS)).loss, rel=0.003 * width / 4
    )


def test_sizes_that_stay_where_they_are_bias_the_parabola_more_than_the_interpolation() -> None:
    compute = np.repeat(BUDGETS, 12)
    rows = surface(compute, np.tile(np.geomspace(1e7, 3e10, 12), len(BUDGETS)))
    true = BETA / (ALPHA + BETA)
    parabola, interpolated = (fit_isoflops(*rows, curve=c).params.exponent for c in ("parabola", "interpolate"))
    assert abs(interpolated - true) < 0.01 < abs(parabola - true)


@pytest.mark.parametrize("curve", ["parabola", "interpolate"])
def test_intervals_hold_the_truth_as_often_as_they_say(curve: Any) -> None:
    fits = [fit_isoflops(*surface(*grid(), noise=0.002, seed=s), curve=curve, noise=0.002) for s in range(60)]
    covered = np.mean([fit.params.low <= BETA / (ALPHA + BETA) <= fit.params.high for fit in fits])
    assert covered >= 0.85


def test_standard_errors_are_the_scatter_of_the_vertex() -> None:
    fits = [fit_isoflops(*surface(*grid(), noise=0.001, seed=s), noise=0.001) for s in range(60)]
    found = np.std([[np.log(optimum.params) for optimum in fit.optima] for fit in fits], axis=0)
    said = np.mean([[optimum.standard_error for optimum in fit.optima] for fit in fits], axis=0)
    assert said == pytest.approx(found, rel=0.35)


@pytest.mark.parametrize("curve", ["parabola", "interpolate"])
@pytest.mark.parametrize("shift", [0.1, 10.0])
def test_a_budget_whose_optimum_is_at_the_edge_is_named_and_left_out(curve: Any, shift: float) -> None:
    compute, params = grid(sizes=7)
    rows = surface(compute, np.where(compute == BUDGETS[1], params * shift, params))
    fit = fit_isoflops(*rows, curve=curve)
    assert codes(fit) == [[], ["edge"], [], []]
    assert fit.left_out == pytest.approx([BUDGETS[1]])
    edge = fit.optima[1]
    assert edge.standard_error is None
    assert ("larger" if shift < 1 else "smaller") in edge.flags[0].text
    assert edge.params == pytest.approx(best(BUDGETS[1:2])[0] * (0.4 if shift < 1 else 2.5))


def test_a_vertex_off_the_middle_is_flagged_and_kept() -> None:
    rows = surface(*grid(sizes=9, shift=0.4))
    fit = fit_isoflops(*rows)
    assert codes(fit) == [["off_centre"]] * 4
    assert fit.left_out == ()
    assert codes(fit_isoflops(*rows, curve="interpolate")) == [[]] * 4


def test_a_best_size_at_the_end_is_flagged() -> None:
    assert all("one_sided" in found for found in codes(fit_isoflops(*surface(*grid(sizes=4, shift=0.3)), noise=1e-4)))


def test_a_curve_without_minimum_and_too_few_sizes_are_flagged() -> None:
    compute, params, tokens, loss = surface(*grid(sizes=5))
    worse = np.where((compute == BUDGETS[0]), 10 - loss, loss)
    kept = (compute != BUDGETS[3]) | (np.arange(len(compute)) % 2 == 1)
    fit = fit_isoflops(*(column[kept] for column in (compute, params, tokens, worse)), noise=1e-4, tolerance=0.1)
    assert codes(fit)[0] == ["no_minimum"]
    assert "few_sizes" in codes(fit)[3]
    assert fit.left_out[0] == pytest.approx(BUDGETS[0])


def test_budgets_are_grouped_within_the_tolerance_and_repeats_averaged() -> None:
    compute, params, tokens, loss = surface(*grid())
    off = compute * np.tile([1.0, 1.02, 0.99], 12)
    fit = fit_isoflops(
        *(np.tile(c, 2) for c in (off, params, tokens)), np.concatenate([loss * 1.01, loss * 0.99]), noise=0.01
    )
    assert [optimum.sizes for optimum in fit.optima] == [9] * 4
    alone = fit_isoflops(compute, params, tokens, loss, noise=0.01)
    for twice, once in zip(fit.optima, alone.optima, strict=True):
        assert twice.params == pytest.approx(once.params)
        assert twice.standard_error == pytest.approx(once.standard_error / np.sqrt(2), rel=0.25)
    assert len(fit_isoflops(off, params, tokens, loss, tolerance=0.015).optima) > 4


@settings(max_examples=25)
@given(
    size=st.floats(1e-3, 1e3),
    budget=st.floats(1e-3, 1e3),
    curve=st.sampled_from(["parabola", "interpolate"]),
    weighted=st.booleans(),
)
def test_units_change_the_prefactors_alone(size: float, budget: float, curve: Any, weighted: bool) -> None:
    rows = surface(*grid(), noise=0.001)
    plain = fit_isoflops(*rows, curve=curve, weighted=weighted)
    scaled = fit_isoflops(
        rows.compute * budget,
        rows.params * size,
        rows.tokens * budget / size,
        rows.loss,
        curve=curve,
        weighted=weighted,
    )
    for ours, theirs, factor in ((scaled.params, plain.params, size), (scaled.tokens, plain.tokens, budget / size)):
        assert ours.exponent == pytest.approx(theirs.exponent, rel=1e-6)
        assert ours.standard_error == pytest.approx(theirs.standard_error, rel=1e-6)
        assert ours.coefficient == pytest.approx(theirs.coefficient * factor / budget**theirs.exponent, rel=1e-4)
    assert codes(scaled) == codes(plain)


def test_what_is_wrong_is_named() -> None:
    rows = surface(*grid())
    with pytest.raises(InputError, match="curve: found 'spline', expected one of parabola, interpolate"):
        fit_isoflops(*rows, curve="spline")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="columns differ in length"):
        fit_isoflops(rows.compute, rows.params, rows.tokens, rows.loss[1:])
    with pytest.raises(InputError, match="noise 0"):
        fit_isoflops(*rows, noise=0.0)
    with pytest.raises(WorkError, match="2 of 2 budgets"):
        fit_isoflops(*(column[:18] for column in rows))
    with pytest.raises(WorkError, match=r"0 of 4 budgets .* add smaller sizes"):
        fit_isoflops(*surface(*grid(shift=10.0)))
