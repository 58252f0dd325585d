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
