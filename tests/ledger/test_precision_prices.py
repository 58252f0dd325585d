"""Pairs of runs in a ledger, and the prices that they tell."""

import pytest

from scalewright.laws import Law
from scalewright.ledger.precision_prices import measured_prices, twins_of
from scalewright.planning.published import published_law

SIZES, HORIZONS = (10_000, 20_000, 40_000), (100_000, 200_000, 800_000)
RHO = {"fp32": 1.0, "bf16": 0.99, "simulated-int4": 0.6}


@pytest.fixture
def trained(make_run):
    """`trained(params, tokens, seed, precision, **changes)`: a run of a law whose prices are known."""

    def make(params, tokens, seed=0, precision="fp32", rate=0.01, **changes):
        recipe = {"learning_rate": rate, "precision": precision, "reasons": {"learning_rate": {"origin": precision}}}
        configuration = {"shape": {"width": params}, "recipe": recipe, "seed": seed, "steps": tokens, "threads": 1}
        fields = {
            "id": f"{params} {tokens} {seed} {precision} {rate} {changes}", "configuration": configuration, "seed": seed,
            "params": params, "tokens": tokens, "unique_tokens": tokens, "precision": precision,
            "loss": (1.5 + 100 * (RHO[precision] * params) ** -0.4 + 200 * tokens**-0.4) * (1 + 0.001 * seed),
        }  # fmt: skip
        return make_run(**(fields | changes))

    return make


@pytest.fixture
def ladder(trained):
    grid = [trained(n, d) for n in SIZES for d in HORIZONS]
    again = [trained(n, d, 1) for n in SIZES[1:] for d in HORIZONS[1:]]
    low = [
        trained(n, d, seed, precision)
        for n in SIZES[1:]
        for d in HORIZONS[1:]
        for seed in (0, 1)
        for precision in ("bf16", "simulated-int4")
    ]
    return grid, again, low


def test_twins_differ_in_precision_alone(trained):
    run = trained(10_000, 100_000)
    twin = trained(10_000, 100_000, precision="bf16")
    others = [
        trained(10_000, 100_000, seed=1, precision="bf16"),
        trained(10_000, 200_000, precision="bf16"),
        trained(10_000, 100_000, precision="bf16", rate=0.02),
        trained(10_000, 100_000, precision="bf16", data_hash="other"),
        trained(10_000, 100_000, precision="bf16", recipe_version=2),
    ]
    searched = trained(10_000, 100_000, precision="simulated-int4", role="search")
    assert twins_of([run, *others]) == []
    tried = trained(10_000, 100_000, precision="simulated-int4", role="trial")
    assert twins_of([*others, twin, run, searched, tried]) == [{"fp32": run, "bf16": twin}]


def test_runs_of_another_optimiser_are_of_another_law(ladder, trained):
    grid, again, low = ladder
    runs = [*grid, *again, *low]
    muon = {"configuration": {"recipe": {"learning_rate": 0.01, "precision": "fp32", "optimiser": "muon"}}}
    others = [trained(n, d, loss=1.0 + 1e5 / n, **muon) for n in SIZES for d in HORIZONS]
    assert measured_prices([*others, *runs]) == measured_prices(runs)


def test_prices_of_a_ledger_by_its_own_law(ladder):
    grid, again, low = ladder
    found = measured_prices([*grid, *again, *low])
    assert (found.reference, found.warnings) == ("fp32", ())
    assert [price.precision for price in found.measured] == ["bf16", "simulated-int4"]
    for price in found.measured:
        assert (price.pairs, price.trunks) == (8, 4)
        assert price.rho == pytest.approx(RHO[price.precision], rel=0.06)
        assert price.low <= price.rho <= price.high
    assert found.of("int4").rho == found.of("simulated-int4").rho
    assert "fitted from 8 pairs here (4 trunks, bf16 against fp32)" in found.of("bf16").reason.text


def test_too_few_runs_for_a_law_of_their_own(ladder, trained):
    grid, again, low = ladder
    few = [run for run in grid if run.params > 10_000 and run.tokens > 100_000]
    alone = measured_prices([*few, *again, *low])
    assert alone.measured == ()
    assert "tell no price: too few runs to fit a law" in alone.warnings[0]
    # Another law of such sizes serves; one of other sizes does not.
    far = measured_prices([*few, *again, *low], published_law("chinchilla"))
    assert "and the law that is planned with knows 5.7e+07 to 1.62e+10 params" in far.warnings[0]
    near = published_law("chinchilla")
    inputs = {"params": (8e3, 5e4), "tokens": (1e5, 1e6)}
    near = near.model_copy(update={"support": near.support.model_copy(update={"inputs": inputs})})
    assert isinstance(near, Law)
    assert len(measured_prices([*few, *again, *low], near).measured) == 2


def test_one_trunk_tells_no_interval_and_no_pairs_no_price(ladder):
    grid, again, low = ladder
    single = [run for run in low if (run.params, run.seed, run.precision) == (20_000, 0, "bf16")]
    found = measured_prices([*grid, *again, *single])
    assert found.measured == ()
    assert "bf16: found 2 pairs of 1 trunk" in found.warnings[0]
    assert measured_prices([*grid, *again]).measured == ()
    assert measured_prices([]).reference is None
