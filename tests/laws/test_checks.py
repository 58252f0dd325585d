"""What is wrong with a table is said, and nothing is said of a clean one."""

import numpy as np
import pytest

from scalewright.laws import Runs
from scalewright.laws.checks import check

N, D = (a.ravel() for a in np.meshgrid(1e7 * 2.0 ** np.arange(5), 1e9 * 2.0 ** np.arange(4)))
LOSS = 1.8172 + 482.01 * N**-0.3478 + 2085.43 * D**-0.3658


def codes(params: np.ndarray, tokens: np.ndarray, loss: np.ndarray) -> set[str]:
    return {text.split(":")[0] for text in check(Runs.checked({"params": params, "tokens": tokens}, loss))}


def test_a_clean_table_is_not_warned_of() -> None:
    noise = np.exp(0.003 * np.random.default_rng(0).standard_normal(len(N)))
    assert codes(N, D, LOSS * noise) == set()


def test_repeats_of_a_row_are_not_repeats_of_a_run() -> None:
    assert codes(np.append(N, N[:2]), np.append(D, D[:2]), np.append(LOSS, LOSS[:2])) == {"duplicates"}
    assert codes(np.append(N, N[:2]), np.append(D, D[:2]), np.append(LOSS, LOSS[:2] * 1.001)) == set()


def test_an_input_that_never_changes() -> None:
    first = N[0] == N
    assert codes(N[first], D[first], LOSS[first]) == {"one-level"}


@pytest.mark.parametrize(("loss", "said"), [(np.full(len(N), 3.0), "do not fall"), (LOSS[::-1], "rise")])
def test_losses_that_do_not_fall(loss: np.ndarray, said: str) -> None:
    texts = list(check(Runs.checked({"params": N, "tokens": D}, loss)))
    (text,) = (text for text in texts if text.startswith("no-fall"))
    assert said in text


def test_a_rise_with_tokens_is_named() -> None:
    loss = LOSS.copy()
    row = int(np.flatnonzero((N[2] == N) & (D == 4e9))[0])
    loss[row] *= 1.3
    texts = check(Runs.checked({"params": N, "tokens": D}, loss))
    (text,) = (text for text in texts if text.startswith("not-falling: the loss rises with tokens 1 times"))
    assert "to params 4e+07, tokens 4e+09" in text


def test_points_along_one_run() -> None:
    tokens = 1e9 * 1.03 ** np.arange(40)
    params = np.full(40, 1e8)
    loss = 1.8172 + 482.01 * params**-0.3478 + 2085.43 * tokens**-0.3658
    assert codes(np.append(N, params), np.append(D, tokens), np.append(LOSS, loss)) == {"mid-schedule"}


@pytest.mark.parametrize(
    ("shift", "expected"), [(1.0, set()), (1 / 3, {"isoflop-off-centre"}), (1 / 20, {"isoflop-none"})]
)
def test_budgets_whose_best_size_is_not_among_their_sizes(shift: float, expected: set[str]) -> None:
    """Sizes within a factor of 4 of the best one, in closed form (Hoffmann et al. 2022, equation 4), times a shift."""
    compute = np.repeat(10.0 ** np.arange(18, 22), 9)
    best = (0.3478 * 482.01 / 0.3658 / 2085.43) ** (1 / 0.7136) * (compute / 6) ** (0.3658 / 0.7136)
    params = best * shift * np.tile(np.geomspace(1 / 4, 4, 9), 4)
    tokens = compute / 6 / params
    assert codes(params, tokens, 1.8172 + 482.01 * params**-0.3478 + 2085.43 * tokens**-0.3658) == expected


def test_repeats_that_differ_as_much_as_the_runs_do() -> None:
    noise = 0.3 * np.random.default_rng(0).standard_normal((2, len(N)))
    said = codes(np.tile(N, 2), np.tile(D, 2), (LOSS * np.exp(noise)).ravel())
    assert "noisy" in said
    assert "noisy" not in codes(np.tile(N, 2), np.tile(D, 2), (LOSS * np.exp(noise / 100)).ravel())


def test_the_diagonals_of_a_grid_are_no_budgets() -> None:
    """Sizes and horizons by doubling: runs of equal compute, but of a grid that lacks no size."""
    params, tokens = (a.ravel() for a in np.meshgrid(1e7 * 2.0 ** np.arange(6), 1e9 * 2.0 ** np.arange(6)))
    assert codes(params, tokens, 1.8172 + 482.01 * params**-0.3478 + 2085.43 * tokens**-0.3658) == set()
