"""Recipes: what is off leaves no trace, what cannot be is refused with a way out."""

import pytest
from pydantic import ValidationError

from scalewright.architectures import LlamaShape
from scalewright.files import content_hash
from scalewright.planning import Recipe
from scalewright.planning.recipe import OPTION_REASONS, OPTIONS
from scalewright.training import Trunk

SETTINGS = {"learning_rate": 0.01, "base_width": 32, "base_depth": 2, "batch_size": 4, "warmup_steps": 3}
ON = {
    "optimiser": "muon",
    "momentum": 0.9,
    "nesterov": False,
    "schedule": "cosine",
    "floor": 0.1,
    "first_batch_size": 1,
    "batch_warmup_steps": 2,
    "label_smoothing": 0.1,
    "z_loss": 1e-4,
    "dropout": 0.0,
    "ema_decay": 0.99,
    "spike": 8.0,
}


def trunk(recipe):
    return Trunk(
        task="language",
        shape=LlamaShape(vocabulary=64, context=16, depth=2, width=32, head_size=16, hidden=96),
        recipe=recipe,
        data_hash="0" * 64,
        seed=0,
        threads=1,
        horizons=(8,),
    )


def test_addresses_are_those_from_before_there_were_options():
    plain = Recipe(**SETTINGS)
    assert content_hash(plain.deciding) == "678a2451379e5649"
    assert trunk(plain).run_address(8) == "d1cdaa308719bf7f"
    stopping = Recipe(**SETTINGS, patience=3, evaluate_every=10, precision="bf16")
    assert trunk(stopping).run_address(8) == "63def6b4f94c4f3f"


def test_documents_are_written_as_before():
    assert not set(Recipe(**SETTINGS).model_dump()) & set(OPTIONS)
    assert "optimiser" not in Recipe(**SETTINGS, optimiser="adamw").model_dump_json()


def test_each_option_decides_has_a_reason_and_is_kept():
    assert set(ON) == set(OPTIONS)
    recipe = Recipe(**SETTINGS, **ON)
    assert {name: recipe.deciding[name] for name in ON} == ON
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert set(recipe.option_reasons) == set(ON)
    assert Recipe(**SETTINGS).option_reasons == {}
    pair = {"first_batch_size", "batch_warmup_steps"}
    each = [{name: value} for name, value in ON.items() if name not in pair] + [{name: ON[name] for name in pair}]
    assert len({trunk(Recipe(**SETTINGS, **one)).run_address(8) for one in [{}, *each]}) == len(each) + 1


def test_every_choice_has_its_reason():
    for name in ("optimiser", "schedule"):
        choices = Recipe.model_fields[name].annotation.__args__
        assert {f"{name}={choice}" for choice in choices[1:]} <= set(OPTION_REASONS)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label_smoothing": 1.0}, "found 1, expected a share from 0 to below 1"),
        ({"dropout": -0.1}, "found -0.1, expected a share"),
        ({"floor": 1.5}, "found 1.5, expected a share"),
        ({"momentum": 1.0}, "found 1, expected a share"),
        ({"z_loss": -1e-4}, "found -0.0001, expected 0 or more"),
        ({"ema_decay": 1.0}, "found 1, expected a share between 0 and 1"),
        ({"optimiser": "lion"}, "'adamw', 'muon' or 'sgd'"),
        ({"optimiser": "sgd", "momentum": 0.0}, "some momentum to look ahead along"),
        ({"batch_warmup_steps": 3}, "without first_batch_size"),
        ({"first_batch_size": 4, "batch_warmup_steps": 3}, "expected 1 to below batch_size 4"),
        ({"first_batch_size": 1, "batch_warmup_steps": 1}, "expected at least 2, a step for each doubling from 1 to 4"),
        ({"first_batch_size": 1}, "found 0, expected at least 2"),
    ],
)
def test_what_cannot_be_is_refused(changes, words):
    with pytest.raises(ValidationError, match=words):
        Recipe(**SETTINGS, **changes)
