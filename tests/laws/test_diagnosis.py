import numpy as np

from scalewright.laws import fit

from .conftest import truth

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
    loss = 1.5 + 0.5 * np.exp(-0.5 * n) + np.exp(-(0.4 - 0.08 * n) * d)
    texts = fit(LADDER.params, LADDER.tokens, loss, forms="interaction", bootstrap=20).warnings
    assert any(text.startswith("rising") and "with params again" in text for text in texts)
