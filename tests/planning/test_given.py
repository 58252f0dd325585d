"""Settings that are given take the place of the rules', and no others are taken."""

import pytest
from pydantic import ValidationError

from scalewright.documents import Reason
from scalewright.planning import BY_THE_RULES, Given, Recipe

RULES = Recipe(
    learning_rate=0.01,
    base_width=32,
    base_depth=2,
    batch_size=4,
    warmup_steps=10,
    weight_decay=0.1,
    reasons={"weight_decay": Reason(origin="derived", text="by the rules")},
)


def test_nothing_given_leaves_the_rules_as_they_are():
    assert BY_THE_RULES.over(RULES) is RULES
    assert BY_THE_RULES.values == {}


def test_what_is_given_is_taken_with_its_reason():
    recipe = Given(weight_decay=0.3, optimiser="muon", momentum=0.9).over(RULES)
    assert (recipe.weight_decay, recipe.optimiser, recipe.momentum) == (0.3, "muon", 0.9)
    assert recipe.model_copy(update={"weight_decay": 0.1, "optimiser": "adamw", "momentum": 0.95, "reasons": {}}) == (
        RULES.model_copy(update={"reasons": {}})
    )
    assert recipe.reasons["weight_decay"].origin == recipe.reasons["optimiser"].origin == "given"


def test_the_rules_own_values_decide_the_same_result():
    named = {name: getattr(RULES, name) for name in Given.model_fields}
    assert BY_THE_RULES.with_values(named).over(RULES).deciding == RULES.deciding


def test_other_values_take_the_place_of_these():
    given = Given(ema_decay=0.99, clip=2.0)
    assert given.with_values({"ema_decay": None, "dropout": 0.1}).values == {"clip": 2.0, "dropout": 0.1}
    assert Given(schedule="wsd").schedule_is_shared
    assert not Given(schedule="cosine").schedule_is_shared


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"learning_rate": "0.1"}, "learning_rate"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"warmup_steps": 0}, "warmup_steps"),
        ({"warmup_steps": 1.5}, "warmup_steps"),
        ({"decay_fraction": 1.0}, "decay_fraction"),
        ({"beta2": 1.0}, "beta2"),
        ({"optimiser": "lion"}, "optimiser"),
        ({"nesterov": 1}, "nesterov"),
        ({"spike": 2.0}, "spike"),
        ({"batch_size": 8}, "batch_size"),
        ({"optimiser": "sgd", "momentum": 0.0}, "nesterov: found it with momentum 0"),
    ],
)
def test_what_is_no_setting_is_refused(values, said):
    with pytest.raises(ValidationError, match=said):
        Given(**values)
