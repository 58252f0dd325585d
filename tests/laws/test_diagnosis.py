from dataclasses import replace

import numpy as np
import pytest

from scalewright.laws import FORMS, Runs, fit
from scalewright.laws.diagnosis import warn_plain
from scalewright.laws.plain import PlainFit, fit_plain, plain_fit

from .conftest import Truth, truth

LADDER = truth("chinchilla", np.random.default_rng(1))


def test_a_clean_ladder_draws_no_warning() -> None:
    assert fit(LADDER.params, LADDER.tokens, LADDER.losses(0.003), bootstrap=20).warnings == ()


def test_a_run_that_went_wrong_is_named() -> None:
    loss = LADDER.losses(0.003)
    loss[5] *= 1.15
    warnings = fit(LADDER.params, LADDER.tokens, loss, bootstrap=20).warnings
    assert any(f"params {LADDER.params[5]:.4g}" in text and "sigma off" in text for text in warnings)


def test_scatter_far_above_the_repeats_is_said() -> None:
    params, tokens = np.tile(LADDER.params, 2), np.tile(LADDER.tokens, 2)
    bent = LADDER.losses() * np.exp(0.03 * np.sin(5 * np.log(LADDER.params)))
    loss = np.concatenate([bent, bent * 1.0005])
    assert any("repeats differ" in text for text in fit(params, tokens, loss, bootstrap=20).warnings)


def test_a_ladder_too_short_for_cuts_is_said() -> None:
    rows = [0, 1, 2, 5, 6, 8, 10]
    columns = LADDER.params[rows], LADDER.tokens[rows], LADDER.losses(0.003)[rows]
    assert any("cuts" in text for text in fit(*columns, bootstrap=20).warnings)


def test_an_exponent_far_from_the_usual_is_said() -> None:
    params, tokens = LADDER.params, LADDER.tokens
    loss = 1.0 + (params / params.min()) ** -1.6 + 0.5 * (tokens / tokens.min()) ** -0.3
    warnings = fit(params, tokens, loss, forms="chinchilla", bootstrap=20).warnings
    assert any("alpha" in text and "above what is usual" in text for text in warnings)


def test_every_parameter_has_its_reason() -> None:
    law = fit(LADDER.params, LADDER.tokens, LADDER.losses(0.003), bootstrap=20)
    constants = {"N_0", "D_0"}
    assert law.parameters.keys() - constants <= law.reasons.keys()
    assert {"noise", "weights", "discrepancy", "loss"} <= law.reasons.keys()


def test_outliers_are_counted_and_what_they_do_is_said() -> None:
    loss = LADDER.losses(0.003)
    loss[[3, 9]] *= 1.2
    (text,) = (
        text for text in fit(LADDER.params, LADDER.tokens, loss, bootstrap=20).warnings if text.startswith("outliers")
    )
    assert f"outliers: 2 of {len(loss)} runs" in text
    assert "moves by" in text


def test_losses_that_wander_have_no_law() -> None:
    rng = np.random.default_rng(4)
    params, tokens = np.tile(LADDER.params, 2), np.tile(LADDER.tokens, 2)
    loss = 3 * np.exp(0.1 * rng.standard_normal(len(params)))
    codes = {text.split(":")[0] for text in fit(params, tokens, loss, bootstrap=20).warnings}
    assert "no-law" in codes
    assert "noisy" in codes


def test_runs_too_small_for_the_law_are_said() -> None:
    wide = truth("chinchilla", np.random.default_rng(1), sizes=8, horizons=6)
    loss = wide.losses(0.002)
    loss[wide.params == wide.params.min()] *= 1.1
    texts = fit(wide.params, wide.tokens, loss, forms="chinchilla", bootstrap=20).warnings
    assert any(text.startswith("tiny-runs: the 6 runs of the least params") for text in texts)


def test_a_law_that_rises_beyond_its_runs_is_said() -> None:
    """A data exponent that falls with size: beyond some size, more of it costs."""
    n, d = np.log(LADDER.params / LADDER.params.min()), np.log(LADDER.tokens / LADDER.tokens.min())
    loss = 1.5 + 0.5 * np.exp(-0.5 * n) + np.exp(-(0.4 - 0.16 * np.tanh((n - n.mean()) / 2)) * d)
    texts = fit(LADDER.params, LADDER.tokens, loss, forms="interaction", bootstrap=20).warnings
    assert any(text.startswith("rising") and "with params again" in text for text in texts)


@pytest.fixture(scope="module")
def wide() -> Truth:
    return truth("chinchilla", np.random.default_rng(1), sizes=8, horizons=6)


def fitted_to(runs: Runs, form: str = "chinchilla") -> PlainFit:
    return plain_fit(FORMS[form], runs, delta=np.inf)


def codes(fitted: PlainFit, runs: Runs) -> set[str]:
    return {text.split(":")[0] for text in warn_plain(fitted, runs, fitted.without)}


def test_a_plain_fit_of_a_clean_ladder_draws_no_warning(wide: Truth) -> None:
    runs = Runs.checked(wide.inputs, wide.losses(0.003))
    assert codes(fitted_to(runs), runs) == set()


def test_few_starts_that_agree_are_said(wide: Truth) -> None:
    runs = Runs.checked(wide.inputs, wide.losses(0.003))
    assert codes(replace(fitted_to(runs), agreeing=1 / 8), runs) == {"few-starts"}


def test_what_outliers_do_to_a_plain_forecast_is_what_a_fit_without_them_does(wide: Truth) -> None:
    loss = wide.losses(0.003)
    out = np.array([7, 20])
    loss[out] *= 1.3
    runs = Runs.checked(wide.inputs, loss)
    fitted = fitted_to(runs)
    (text,) = (text for text in warn_plain(fitted, runs, fitted.without) if text.startswith("outliers: 2 of 48"))
    others = np.delete(np.arange(48), out)
    kept = {name: values[others] for name, values in wide.inputs.items()}
    laws = fitted_to(Runs.checked(kept, loss[others])).parameters, fitted.parameters
    N, D = (values.max() * np.sqrt(10) for values in wide.inputs.values())
    without, within = (p["E"] + p["A"] * N ** -p["alpha"] + p["B"] * D ** -p["beta"] for p in laws)
    moved = float(text.rpartition("moves by ")[2].rstrip("%"))
    assert moved == pytest.approx(100 * (without / within - 1), abs=0.006)
    assert abs(moved) > 0.05


def test_where_a_plain_law_begins_to_rise_is_where_the_true_one_does() -> None:
    N0, D0 = LADDER.params.min(), LADDER.tokens.min()

    def law(N: np.ndarray, D: np.ndarray) -> np.ndarray:
        n, d = np.log(N / N0), np.log(D / D0)
        return np.asarray(1.5 + 0.5 * np.exp(-0.5 * n) + np.exp(0.15 * n - 0.4 * d))

    runs = Runs.checked(LADDER.inputs, law(LADDER.params, LADDER.tokens))
    fitted = fitted_to(runs, "interaction")
    (text,) = (text for text in warn_plain(fitted, runs, fitted.without) if text.startswith("rising"))
    beyond = LADDER.params.max() * np.geomspace(1, 100, 10_000)
    lowest = beyond[np.argmin(law(beyond, LADDER.tokens.max()))]
    assert float(text.split("again from ")[1].split(" on")[0]) == pytest.approx(lowest, rel=0.22)


def test_the_interacting_form_rises_on_the_published_runs(figure: Truth) -> None:
    warnings = fit_plain(figure.inputs, figure.losses(), "interaction", bootstrap=20).warnings
    assert any(text.startswith("rising") and "with params again" in text for text in warnings)


def test_a_plain_fit_no_better_than_a_constant_is_no_law(wide: Truth) -> None:
    noise = 0.05 * np.random.default_rng(4).standard_normal(48)
    runs = Runs.checked(wide.inputs, 3 * np.exp(noise))
    assert "no-law" in codes(fitted_to(runs), runs)


def test_the_noise_that_branches_share_is_not_taken_for_a_trend(wide: Truth) -> None:
    """Six runs 2 sigma off: nearly 5 standard errors of six runs, but within 3 of the branches of one trunk."""
    smallest = np.arange(48) < 6
    residuals = 0.003 * np.where(np.arange(48) % 2, 1.0, -1.0)
    for trunks, said in ((None, True), (wide.params.tolist(), False)):
        runs = Runs.checked(wide.inputs, wide.losses(0.003), trunks)
        fitted = fitted_to(runs)
        fitted = replace(fitted, residuals=np.where(smallest, 2 * 0.003, residuals))
        texts = warn_plain(fitted, runs, fitted.without)
        assert any(text.startswith("tiny-runs: the 6 runs of the least params") for text in texts) == said
