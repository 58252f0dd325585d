import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalewright.errors import InputError
from scalewright.laws import Law, fit

from .conftest import AVERAGED, BESIROGLU, SUMS, Truth, truth


def tiny_ladder(shared_data: Path, text: str, role: str) -> np.ndarray:
    with (shared_data / "laws" / "tiny_ladder" / "runs.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["text"] == text and row["role"] == role]
    return np.array([[float(row[name]) for name in ("params", "tokens", "loss")] for row in rows]).T


@pytest.mark.parametrize("kind", [*SUMS, *AVERAGED])
def test_a_noise_free_truth_is_recovered(kind: str) -> None:
    rng = np.random.default_rng(3)
    for _ in range(4):
        true = truth(kind, rng, sizes=7, horizons=7)
        law = fit(true.params, true.tokens, true.losses(), forms=kind, bootstrap=20)
        N, D = true.params.max() * 3, true.tokens.max() * 3
        assert law.losses(N, D) == pytest.approx(true.law(N, D), rel=2e-3)


def test_the_constants_of_the_additive_law_are_recovered(hoffmann: Truth) -> None:
    law = fit(hoffmann.params, hoffmann.tokens, hoffmann.losses(), forms="chinchilla", bootstrap=20)
    found = law.parameters
    assert found["E"] == pytest.approx(1.8172, rel=5e-3)
    assert found["alpha"] == pytest.approx(0.3478, rel=5e-3)
    assert found["beta"] == pytest.approx(0.3658, rel=5e-3)
    assert found["A"] == pytest.approx(482.01, rel=5e-2)
    assert found["B"] == pytest.approx(2085.43, rel=5e-2)


def test_the_published_fit_of_the_chinchilla_runs(figure: Truth) -> None:
    """Constants within the 95 % intervals of Besiroglu et al. 2024, arXiv:2404.10102, on the same runs."""
    law = fit(figure.params, figure.tokens, figure.losses(), forms="chinchilla", bootstrap=60)
    for name, (low, high) in BESIROGLU.items():
        assert low < law.parameters[name] < high, name
    assert law.forms[0].starts_agreeing > 0.9


@pytest.mark.parametrize("text", ["library", "novels"])
def test_auto_forecasts_the_final_runs_of_the_tiny_ladder(shared_data: Path, text: str) -> None:
    law = fit(*tiny_ladder(shared_data, text, "ladder"))
    unique = {"library": 3.91e6, "novels": 5.31e6}[text]
    for params, tokens, loss in tiny_ladder(shared_data, text, "final").T:
        forecast = law.predict(params, tokens, unique)
        assert forecast.low < loss < forecast.high
        assert forecast.loss == pytest.approx(loss, rel=0.04)
        assert forecast.high - forecast.low < 0.2 * loss


def coverage(kinds: list[str], ladders: int, bootstrap: int) -> tuple[float, float, float]:
    """Shares of runs 8 to 10 times beyond the ladder inside 90 % and 50 % intervals, and the median half width."""
    rng = np.random.default_rng(5)
    inside = []
    for i in range(ladders):
        true = truth(kinds[i % len(kinds)], rng, int(rng.integers(3, 6)), int(rng.integers(3, 5)))
        noise, stretch, lean = rng.uniform(0.003, 0.008), np.sqrt(rng.uniform(8, 10)), rng.uniform(0.8, 1.25)
        law = fit(true.params, true.tokens, true.losses(noise, seed=i), bootstrap=bootstrap, seed=i)
        N, D = true.params.max() * stretch * lean, true.tokens.max() * stretch / lean
        loss = float(true.law(N, D)) * np.exp(noise * rng.standard_normal())
        wide, narrow = law.predict(N, D), law.predict(N, D, level=0.5)
        half = (wide.high - wide.low) / 2 / wide.loss
        inside.append((wide.low < loss < wide.high, narrow.low < loss < narrow.high, half))
    ninety, fifty, half_width = np.array(inside).T
    return float(ninety.mean()), float(fifty.mean()), float(np.median(half_width))


def test_intervals_cover_in_simulation() -> None:
    ninety, fifty, half_width = coverage([*AVERAGED, "broken"], ladders=12, bootstrap=40)
    assert ninety >= 0.8
    assert 0.4 <= fifty <= 0.95
    assert half_width < 0.06


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [AVERAGED, ["broken"]], ids=["in the catalogue", "outside it"])
def test_intervals_cover_neither_too_little_nor_too_much(kinds: list[str]) -> None:
    """On the safe side here: the width is set by real tables, whose law is never quite in the catalogue."""
    ninety, fifty, half_width = coverage(kinds, ladders=120, bootstrap=100)
    assert ninety >= 0.88
    assert 0.42 <= fifty <= 0.88  # of 120 forecasts: nominally half, less 1.8 standard errors
    assert half_width < 0.05


@pytest.mark.parametrize("kind", SUMS)
def test_the_true_form_gets_most_weight_on_a_wide_clean_ladder(kind: str) -> None:
    weights = dict.fromkeys(SUMS, 0.0)
    rng = np.random.default_rng(8)
    for i in range(3):
        true = truth(kind, rng, sizes=5, horizons=5)
        for form in fit(true.params, true.tokens, true.losses(0.002, seed=i), forms=SUMS, bootstrap=20).forms:
            weights[form.name] += form.weight / 3
    assert sum(weights.values()) == pytest.approx(1)
    assert max(weights, key=lambda name: weights[name]) == kind


LADDER = truth("interaction", np.random.default_rng(2))


def fitted(params: np.ndarray, tokens: np.ndarray, loss: np.ndarray) -> Law:
    return fit(params, tokens, loss, bootstrap=20)


@settings(max_examples=3)
@given(st.permutations(range(len(LADDER.params))))
def test_the_order_of_the_rows_does_not_matter(order: list[int]) -> None:
    loss = LADDER.losses(0.004)
    assert fitted(LADDER.params[order], LADDER.tokens[order], loss[order]) == fitted(LADDER.params, LADDER.tokens, loss)


@settings(max_examples=3)
@given(st.floats(-12, 12), st.floats(-12, 12))
def test_units_of_size_and_data_change_prefactors_only(size: float, data: float) -> None:
    loss, by_size, by_data = LADDER.losses(0.004), np.exp(size), np.exp(data)
    N, D = LADDER.params.max() * 2, LADDER.tokens.max() * 3
    law, scaled = (
        fitted(LADDER.params, LADDER.tokens, loss),
        fitted(LADDER.params * by_size, LADDER.tokens * by_data, loss),
    )
    for before, after in zip(law.forms, scaled.forms, strict=True):
        assert before.name == after.name
        for name in before.parameters.keys() - {"A", "B", "N_c", "D_c", "N_0", "D_0"}:
            assert after.parameters[name] == pytest.approx(before.parameters[name], rel=1e-3, abs=1e-5)
    one, other = law.predict(N, D), scaled.predict(N * by_size, D * by_data)
    assert [other.loss, other.low, other.high] == pytest.approx([one.loss, one.low, one.high], rel=1e-4)


def test_noise_is_measured_by_repeats() -> None:
    true = truth("chinchilla", np.random.default_rng(1))
    params, tokens = np.repeat(true.params, 4), np.repeat(true.tokens, 4)
    loss = true.law(params, tokens) * np.exp(0.006 * np.random.default_rng(4).standard_normal(len(params)))
    law = fit(params, tokens, loss, forms="chinchilla", bootstrap=20)
    assert law.noise == pytest.approx(0.006, rel=0.2)
    assert law.reasons["noise"].origin == "measured"


def test_the_worth_of_repeats_is_fitted_where_runs_repeat_data() -> None:
    true = truth("chinchilla", np.random.default_rng(1), sizes=5, horizons=8)
    unique = np.full(len(true.tokens), np.sort(true.tokens)[10])
    seen = np.minimum(true.tokens, unique)
    repeats = np.maximum(true.tokens / unique - 1, 0)
    loss = true.law(true.params, seen + unique * 5.0 * (1 - np.exp(-repeats / 5.0)) * (repeats > 0))
    law = fit(true.params, true.tokens, loss, unique_tokens=unique, forms="chinchilla", bootstrap=20)
    assert law.parameters["R_star"] == pytest.approx(5.0, rel=0.05)
    assert law.reasons["R_star"].origin == "fitted"


def test_without_repeats_their_worth_is_the_published_one_with_its_spread() -> None:
    law = fit(LADDER.params, LADDER.tokens, LADDER.losses(0.004), bootstrap=400)
    assert law.reasons["R_star"].origin == "cited"
    assert law.parameters["R_star"] == pytest.approx(15.4)
    low, high = law.intervals(0.68)["R_star"]
    assert np.log(high / low) / 2 == pytest.approx(0.7, rel=0.15)


@pytest.mark.parametrize(
    ("rows", "missing"),
    [
        (LADDER.params <= np.sort(LADDER.params)[4], "2 of the 3 sizes"),
        (LADDER.tokens <= np.sort(LADDER.tokens)[4], "2 of the 3 horizons"),
        (np.arange(16) < 5, "5 of the 6 different"),
    ],
)
def test_a_narrow_ladder_is_refused(rows: np.ndarray, missing: str) -> None:
    with pytest.raises(InputError, match=missing):
        fit(LADDER.params[rows], LADDER.tokens[rows], LADDER.losses()[rows])


def test_what_is_asked_wrongly_is_refused() -> None:
    columns = LADDER.params, LADDER.tokens, LADDER.losses()
    with pytest.raises(InputError, match="'newton' is not in the catalogue: choose auto, chinchilla"):
        fit(*columns, forms="newton")
    with pytest.raises(InputError, match="at least 20"):
        fit(*columns, bootstrap=3)
    with pytest.raises(InputError, match="huber_delta"):
        fit(*columns, huber_delta=0)
    with pytest.raises(InputError, match="found none"):
        fit(*columns, forms=[])


def test_a_law_does_not_depend_on_where_losses_are_measured_from(hoffmann: Truth) -> None:
    loss = hoffmann.losses(0.002)
    plain = fit(hoffmann.params, hoffmann.tokens, loss, bootstrap=20)
    moved = fit(hoffmann.params, hoffmann.tokens, loss - 5, zero=-5.0, bootstrap=20)
    before, after = plain.predict(1e11, 2e12), moved.predict(1e11, 2e12)
    np.testing.assert_allclose(
        [after.loss, after.low, after.high], np.array([before.loss, before.low, before.high]) - 5
    )
    assert moved.parameters["E"] == pytest.approx(plain.parameters["E"] - 5)


def test_a_hundred_thousand_runs_are_fitted_as_the_few_that_stand_for_them() -> None:
    rng = np.random.default_rng(0)
    N, D = (
        np.exp(rng.uniform(np.log(1e7), np.log(1e10), 100_000)),
        np.exp(rng.uniform(np.log(1e9), np.log(1e12), 100_000)),
    )
    true = 1.8172 + 482.01 * N**-0.3478 + 2085.43 * D**-0.3658
    law = fit(N, D, true * np.exp(0.003 * rng.standard_normal(100_000)), forms="chinchilla_start", bootstrap=20)
    assert law.support.runs == 100_000
    assert law.noise == pytest.approx(0.003, rel=0.02)
    assert "stand for 100,000" in law.warnings[0]
    assert law.predict(1e11, 1e13).loss == pytest.approx(
        1.8172 + 482.01 * 1e11**-0.3478 + 2085.43 * 1e13**-0.3658, rel=2e-3
    )
