import json
from pathlib import Path

import numpy as np
import pytest

from scalewright.errors import InputError
from scalewright.laws import Law, fit

from .conftest import Truth, truth

TRUE = truth("interaction", np.random.default_rng(2))


@pytest.fixture(scope="module")
def law() -> Law:
    return fit(TRUE.params, TRUE.tokens, TRUE.losses(0.004))


def test_saved_and_loaded_it_predicts_the_same(law: Law, tmp_path: Path) -> None:
    law.save(tmp_path / "law.json")
    again = Law.load(tmp_path / "law.json")
    assert again == law
    N, D = TRUE.params.max() * 3, TRUE.tokens.max() * 3
    assert again.predict(N, D) == law.predict(N, D)
    np.testing.assert_array_equal(again.sample(N, D), law.sample(N, D))


def test_point_forecast_is_the_weighted_geometric_mean_of_the_forms(law: Law) -> None:
    N, D = TRUE.params.max(), TRUE.tokens.max() * 2
    alone = {f.name: fit(TRUE.params, TRUE.tokens, TRUE.losses(0.004), forms=f.name, bootstrap=20) for f in law.forms}
    expected = np.exp(sum(f.weight * np.log(alone[f.name].losses(N, D)) for f in law.forms))
    assert law.predict(N, D).loss == pytest.approx(float(expected), rel=1e-9)


def test_losses_take_any_shape(law: Law) -> None:
    N, D = TRUE.params[:3, None], TRUE.tokens[None, -4:]
    losses = law.losses(N, D)
    assert losses.shape == (3, 4)
    assert losses[2, 1] == pytest.approx(law.predict(float(N[2, 0]), float(D[0, 1])).loss)
    assert law.sample(N, D).shape == (400, 3, 4)
    assert law.losses(1e6, 1e7).shape == ()


def test_interval_holds_the_sample_and_the_noise(law: Law) -> None:
    """The interval is the mixture's: the draws of the expected loss with the run's own noise on top."""
    N, D = TRUE.params.max() * 2, TRUE.tokens.max() * 2
    draws = np.log(law.sample(N, D))
    noisy = (draws + law.noise * np.random.default_rng(1).standard_normal((500, len(draws)))).ravel()
    low, high = np.quantile(noisy, [0.05, 0.95])
    forecast = law.predict(N, D)
    assert np.log(forecast.high / forecast.low) == pytest.approx(high - low, rel=0.15)


def test_intervals_widen_with_level_and_with_distance(law: Law) -> None:
    N, D = TRUE.params.max(), TRUE.tokens.max()

    def width(stretch: float, level: float) -> float:
        forecast = law.predict(N * stretch, D * stretch, level=level)
        assert forecast.low < forecast.loss < forecast.high
        assert forecast.extrapolation == pytest.approx(stretch**2)
        return np.log(forecast.high / forecast.low)

    assert width(1, 0.5) < width(1, 0.9) < width(3, 0.9) < width(10, 0.9) < width(100, 0.9)


def test_repeated_data_are_worth_less_than_fresh(law: Law) -> None:
    N, D = TRUE.params.max(), TRUE.tokens.max()
    fresh, repeated = law.losses(N, D), law.losses(N, D, D / 20)
    assert repeated > fresh
    assert law.losses(N, D / 20) > repeated
    spread = np.std(np.log(law.sample(N, D, D / 20)))
    assert spread > np.std(np.log(law.sample(N, D)))


def test_draws_are_compared_from_place_to_place(law: Law) -> None:
    """A draw is one law: its losses at neighbouring places move together."""
    N, D = TRUE.params.max() * 3, TRUE.tokens.max() * 3
    here, near = np.log(law.sample(np.array([N, N * 1.01]), D)).T
    assert np.std(here - near) < 0.02 * np.std(here)


def test_intervals_of_parameters_hold_the_best(law: Law) -> None:
    for name, (low, high) in law.intervals().items():
        assert low <= law.parameters[name] * (1 + 1e-12), name
        assert law.parameters[name] <= high * (1 + 1e-12), name


def test_bad_arguments_are_refused(law: Law) -> None:
    with pytest.raises(InputError, match="tokens, row 1: found -1"):
        law.predict(1e6, -1.0)
    with pytest.raises(InputError, match="level"):
        law.predict(1e6, 1e6, level=90)
    with pytest.raises(InputError, match="params"):
        law.losses([1e6, 0], 1e6)


def test_wide_tables_cost_little(hoffmann: Truth) -> None:
    law = fit(hoffmann.params, hoffmann.tokens, hoffmann.losses(), forms="chinchilla", bootstrap=20)
    N = np.geomspace(1e7, 1e12, 20_000)
    expected = hoffmann.law(N, 20 * N)
    np.testing.assert_allclose(law.losses(N, 20 * N), expected, rtol=5e-3)


@pytest.mark.parametrize(
    ("field", "broken", "says"),
    [("forms", [], "at least 1 item"), ("theta", [0.1], "have 9 values"), ("sample", [[0.1, 0.2]], "have 9 values")],
)
def test_a_law_edited_wrongly_is_refused(tmp_path: Path, field: str, broken: list[object], says: str) -> None:
    text = json.loads(
        fit(TRUE.params, TRUE.tokens, TRUE.losses(0.004), forms="power_mean_start", bootstrap=20).model_dump_json()
    )
    (text if field == "forms" else text["forms"][0])[field] = broken
    (tmp_path / "law.json").write_text(json.dumps(text))
    with pytest.raises(InputError, match=says):
        Law.load(tmp_path / "law.json")


def test_many_forecasts_are_those_of_each_run(law: Law) -> None:
    N, D = TRUE.params.max() * np.geomspace(0.1, 9, 1200), TRUE.tokens.max() * np.geomspace(4, 0.2, 1200)
    many = law.predictions({"params": N, "tokens": D})
    for row in (0, 499, 500, 1199):
        alone = law.predict(float(N[row]), float(D[row]))
        assert many[row].model_dump() == pytest.approx(alone.model_dump(), rel=1e-12)
