import numpy as np
import pytest

from scalewright.errors import InputError
from scalewright.laws import Runs
from scalewright.laws.runs import distance, levels


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("name", ["params", "tokens", "loss", "unique_tokens"])
def test_a_value_that_is_not_positive_is_refused_with_its_row(name: str, bad: float) -> None:
    columns = {key: [1.0, 2.0, 3.0] for key in ("params", "tokens", "loss", "unique_tokens")}
    columns[name] = [1.0, bad, 3.0]
    loss = columns.pop("loss")
    with pytest.raises(InputError, match=f"{name}, row 2: found {bad:g}"):
        Runs.checked(columns, loss)


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(InputError, match="params 2, tokens 3"):
        Runs.checked({"params": [1, 2], "tokens": [1, 2, 3]}, [1, 2, 3])


def test_text_is_refused() -> None:
    with pytest.raises(InputError, match="loss"):
        Runs.checked({"params": [1, 2], "tokens": [1, 2]}, ["low", "high"])


def test_pure_error_is_the_variance_within_repeats() -> None:
    logs = np.array([0.5, 0.52, 0.48, 0.9, 1.0])
    ladder = Runs.checked({"params": [1, 1, 1, 2, 2], "tokens": [5, 5, 5, 5, 6]}, np.exp(logs))
    variance, degrees = ladder.pure_error()
    assert degrees == 2
    assert variance == pytest.approx(np.var(logs[:3], ddof=1))


def test_two_trunks_that_meet_in_three_rungs_are_one_comparison() -> None:
    inputs = {"params": [1, 1, 1, 1, 1, 1, 2, 2], "tokens": [5, 6, 7, 5, 6, 7, 5, 5]}
    loss = [3.0, 2.9, 2.8, 3.1, 3.0, 2.9, 2.5, 2.6]
    assert Runs.checked(inputs, loss, trunks=["a", "a", "a", "b", "b", "b", "c", "d"]).pure_error()[1] == 2
    assert Runs.checked(inputs, loss).pure_error()[1] == 4


def test_trunks_need_a_label_for_each_run() -> None:
    with pytest.raises(InputError, match="trunks 1"):
        Runs.checked({"params": [1, 2], "tokens": [1, 2]}, [2, 3], trunks=["a"])


def test_distance_is_the_compute_ratio_beyond_the_corner_of_a_grid() -> None:
    params, tokens = (a.ravel() for a in np.meshgrid([1.0, 2.0, 4.0], [10.0, 20.0]))
    places = {"params": np.array([12.0, 2.0]), "tokens": np.array([40.0, 10.0])}
    away = distance({"params": params, "tokens": tokens}, places)
    np.testing.assert_allclose(away, [np.log(12 * 40 / (4 * 20)), 0.0], atol=1e-12)


def test_values_within_five_percent_are_one_level() -> None:
    assert levels(np.array([100.0, 101.0, 200.0, 209.0, 211.0])) == 3


def test_unique_tokens_count_at_most_as_many_as_seen() -> None:
    ladder = Runs.checked({"params": [1, 1], "tokens": [10, 30], "unique_tokens": [20, 20]}, [3, 2])
    assert list(ladder.inputs["unique_tokens"]) == [10, 20]
    assert ladder.repeats_data


def test_many_runs_are_condensed_to_means_of_neighbours() -> None:
    rng = np.random.default_rng(0)
    x, y = np.exp(rng.uniform(0, 6, (2, 50_000)))
    runs = Runs.checked({"params": x, "tokens": y}, 1 + x**-0.3 + y**-0.4)
    few = runs.condensed(4096)
    assert len(few) <= 4096
    np.testing.assert_allclose(few.loss, 1 + few.inputs["params"] ** -0.3 + few.inputs["tokens"] ** -0.4, rtol=1e-4)


def test_many_runs_in_many_inputs_are_drawn_from() -> None:
    rng = np.random.default_rng(0)
    inputs = {name: rng.uniform(1, 2, 9000) for name in ("params", "tokens", "rate", "batch")}
    loss = rng.uniform(2, 3, 9000)
    few = Runs.checked(inputs, loss).condensed(4096)
    assert len(few) == 4096
    assert set(few.loss.tolist()) <= set(loss.tolist())


def test_losses_below_zero_are_measured_from_a_lower_one() -> None:
    runs = Runs.checked({"params": [1.0, 2.0]}, [-1.0, -2.5], zero=-4.0)
    np.testing.assert_array_equal(runs.loss, [3.0, 1.5])
    with pytest.raises(InputError, match=r"loss, row 2: found -2\.5, expected a finite number above -2"):
        Runs.checked({"params": [1.0, 2.0]}, [-1.0, -2.5], zero=-2.0)
