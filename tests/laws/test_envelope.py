from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalewright.errors import InputError, WorkError
from scalewright.laws.envelope import EnvelopeFit, fit_envelope

ALPHA, BETA = 0.3478, 0.3658  # Besiroglu et al. 2024, arXiv:2404.10102
RATIO = ALPHA * 482.01 / BETA / 2085.43


class Points(NamedTuple):
    compute: np.ndarray
    params: np.ndarray
    tokens: np.ndarray
    loss: np.ndarray
    runs: list[Any]


def curves(sizes: np.ndarray, longest: float = 1e22, points: int = 150) -> Points:
    """A curve of each size on Hoffmann's surface, each from 1e17 FLOPs on."""
    compute = np.tile(np.geomspace(1e17, longest, points), len(sizes))
    params = np.repeat(sizes, points)
    tokens = compute / 6 / params
    loss = 1.8172 + 482.01 * params**-ALPHA + 2085.43 * tokens**-BETA
    return Points(compute, params, tokens, loss, [f"run of {size:.3g}" for size in params])


def best(compute: Any) -> Any:
    """The size of least loss, in closed form."""
    return RATIO ** (1 / (ALPHA + BETA)) * (compute / 6) ** (BETA / (ALPHA + BETA))


def codes(fit: EnvelopeFit) -> list[str]:
    return [flag.code for flag in fit.flags]


WIDE = np.geomspace(best(1e17) / 2, best(1e22) * 2, 14)


def test_a_chinchilla_surface_gives_its_exponents() -> None:
    fit = fit_envelope(*curves(WIDE))
    assert fit.flags == ()
    assert all(owner.inside for owner in fit.bins)
    for law, exponent in ((fit.params, BETA / (ALPHA + BETA)), (fit.tokens, ALPHA / (ALPHA + BETA))):
        assert law.exponent == pytest.approx(exponent, abs=0.01)
        assert law.low <= exponent <= law.high
        assert law.high - law.low < 0.05
    assert fit.params.at(1e20) == pytest.approx(best(1e20), rel=0.1)


def test_the_owner_of_a_bin_is_the_size_of_least_loss() -> None:
    fit = fit_envelope(*curves(WIDE), bins=200)
    step = WIDE[1] / WIDE[0]
    assert len(fit.bins) == 200
    for owner in fit.bins:
        assert 1 / step < owner.params / best(owner.flops) < step
        assert 6 * owner.params * owner.tokens == pytest.approx(owner.flops, rel=1e-6)
        assert owner.loss == pytest.approx(min(curves(WIDE, owner.flops, 2).loss[1::2]), rel=1e-3)


def test_more_runs_of_a_size_count_by_the_best_of_them() -> None:
    rows = curves(WIDE)
    worse = rows._replace(loss=rows.loss * 1.1, runs=[f"{run}, again" for run in rows.runs])
    both = [np.concatenate(pair) for pair in zip(rows, worse, strict=True)]
    order = np.random.default_rng(0).permutation(len(both[0]))
    assert fit_envelope(*(column[order] for column in both)) == fit_envelope(*rows)


@pytest.mark.parametrize(("sizes", "way"), [(WIDE[4:], "smaller"), (WIDE[:-4], "larger")])
def test_bins_that_an_outermost_size_owns_are_named_and_left_out(sizes: np.ndarray, way: str) -> None:
    fit = fit_envelope(*curves(sizes))
    assert codes(fit) == ["edge"]
    assert f"add {way} sizes" in fit.flags[0].text
    end = sizes[0] if way == "smaller" else sizes[-1]
    assert {owner.params for owner in fit.bins if not owner.inside} == {end}
    assert fit.params.exponent == pytest.approx(BETA / (ALPHA + BETA), abs=0.03)


def test_a_size_that_wins_since_smaller_ones_stopped_is_left_out() -> None:
    rows = curves(WIDE)
    kept = (rows.params > best(1e20)) | (rows.compute < 1e19)
    fit = fit_envelope(*(np.array(column)[kept] for column in rows))
    late = [owner for owner in fit.bins if 1.1e19 < owner.flops < 3e19]
    assert late
    assert not any(owner.smaller for owner in late)
    assert fit.params.exponent == pytest.approx(BETA / (ALPHA + BETA), abs=0.03)


def test_few_owners_are_flagged_and_fewer_refused() -> None:
    assert codes(fit_envelope(*curves(np.geomspace(1e8, 2e9, 5)))) == ["edge", "edge", "few_sizes"]
    with pytest.raises(WorkError, match=r"0 sizes are best .* needs 3: add sizes; .* add smaller sizes"):
        fit_envelope(*curves(WIDE[-3:] * 100))


@settings(max_examples=20)
@given(size=st.floats(1e-3, 1e3), budget=st.floats(1e-3, 1e3))
def test_units_change_the_prefactors_alone(size: float, budget: float) -> None:
    rows = curves(WIDE[2:-2])
    plain = fit_envelope(*rows)
    tokens = rows.tokens * budget / size
    scaled = fit_envelope(rows.compute * budget, rows.params * size, tokens, rows.loss, rows.runs)
    for ours, theirs, factor in ((scaled.params, plain.params, size), (scaled.tokens, plain.tokens, budget / size)):
        assert ours.exponent == pytest.approx(theirs.exponent, rel=1e-6)
        assert ours.coefficient == pytest.approx(theirs.coefficient * factor / budget**theirs.exponent, rel=1e-4)
    assert codes(scaled) == codes(plain)


def test_what_is_wrong_is_named() -> None:
    rows = curves(WIDE)
    with pytest.raises(InputError, match="columns differ in length"):
        fit_envelope(*rows[:4], rows.runs[1:])
    with pytest.raises(InputError, match="found 2 bins"):
        fit_envelope(*rows, bins=2)
    with pytest.raises(InputError, match="loss, row 3"):
        fit_envelope(*rows._replace(loss=np.where(np.arange(len(rows.loss)) == 2, -1.0, rows.loss)))
