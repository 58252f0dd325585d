"""What the runs of one law have in common."""

import pytest

from scalewright.ledger import options_of, trunk_of
from scalewright.planning import Recipe


@pytest.mark.parametrize(
    ("changed", "told"), [({}, "none"), ({"optimiser": "muon"}, "optimiser=muon"), ({"z_loss": 1e-4}, "z_loss=0.0001")]
)
def test_options_are_what_is_not_by_default(make_run, changed, told):
    recipe = Recipe(learning_rate=0.01, base_width=32, base_depth=4, batch_size=8, warmup_steps=4, **changed)
    assert options_of(make_run(configuration={"recipe": recipe.deciding})) == told


def test_branches_of_a_trunk_share_its_label(make_run):
    one = make_run(params=10, tokens=100, seed=0)
    assert trunk_of(one) == trunk_of(make_run(params=10, tokens=200, seed=0))
    others = [make_run(params=20, seed=0), make_run(params=10, seed=1), make_run(params=10, seed=0, role="repetition")]
    assert len({trunk_of(run) for run in [one, *others]}) == 4
