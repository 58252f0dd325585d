"""Spaces as people write them, and what is wrong with some."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewright.errors import InputError
from scalewright.planning import Given
from scalewright.studies.space import Choices, Range, Space


def test_ranges_and_choices_are_read_by_the_option_s_kind():
    space = Space.parse(
        ["learning_rate=1e-3..0.03:log", "warmup_steps=10..50", "dropout=none,0.1", "nesterov=true,false",
         "optimiser=adamw, muon", "z_loss=0,1e-4"]
    )  # fmt: skip
    assert space.options == {
        "learning_rate": Range(low=0.001, high=0.03, log=True),
        "warmup_steps": Range(low=10, high=50, whole=True),
        "dropout": Choices(values=(None, 0.1)),
        "nesterov": Choices(values=(True, False)),
        "optimiser": Choices(values=("adamw", "muon")),
        "z_loss": Choices(values=(0.0, 1e-4)),
    }
    assert len(list(space.corners())) == 64
    assert Space.model_validate_json(space.model_dump_json()) == space


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([], "missing, expected at least one option"),
        (["learning_rate"], "found 'learning_rate', expected"),
        (["batch_size=4,8"], "batch_size is none of the options that can be searched: learning_rate, "),
        (["clip=1,2", "clip=3,4"], "clip is given twice"),
        (["learning_rate=0.1..0.01"], "found 0.1 to 0.01, expected the smaller end first"),
        (["weight_decay=0..1:log"], "found 0 with :log, expected an end above 0"),
        (["weight_decay=0..1:ln"], "found 'ln' after the range"),
        (["learning_rate=-1..1"], "learning_rate: Input should be greater than 0"),
        (["clip=1..inf"], "expected a finite number"),
        (["warmup_steps=1.5..9"], "warmup_steps: Input should be a valid integer"),
        (["optimiser=adamw,lion"], "optimiser: Input should be"),
        (["nesterov=true..false"], "takes no numbers"),
        (["dropout=0.1"], r"expected two or more different values; one value for all runs belongs into \[recipe\]"),
        (["dropout=0.1,0.1"], "expected two or more different values"),
        (["optimiser=adamw,sgd", "momentum=0,0.9"], "with optimiser=sgd, momentum=0.0: nesterov: found it with momentum 0"),
    ],
)  # fmt: skip
def test_what_is_no_space_is_refused(texts, said):
    with pytest.raises(InputError, match=said) as error:
        Space.parse(texts)
    assert "\n" not in str(error.value)


def test_combinations_are_held_against_what_is_given():
    space = Space.parse(["momentum=0,0.9"])
    space.check(Given(optimiser="muon"))
    with pytest.raises(InputError, match=r"with momentum=0\.0: nesterov"):
        space.check(Given(optimiser="sgd"))


@given(low=st.floats(1e-6, 1e3), factor=st.floats(1.001, 1e3), place=st.floats(0, 1))
def test_rounded_numbers_stay_inside_and_near(low, factor, place):
    option = Range(low=low, high=low * factor)
    value = min(low * (1 + place * (factor - 1)), option.high)
    rounded = option.rounded(value)
    assert option.holds(rounded)
    assert rounded == pytest.approx(value, rel=5.1e-4)


def test_ends_of_a_range():
    option = Range(low=1e-4, high=1e-2, log=True)
    at_end = {value: option.at_its_end(value) for value in (1e-4, 1.2e-4, 1e-3, 8.5e-3, 1e-2)}
    assert at_end == {1e-4: True, 1.2e-4: True, 1e-3: False, 8.5e-3: True, 1e-2: True}
    # A twentieth of two decades is a tenth of one.
    assert option.at_its_end(1e-4 * 10**0.099)
    assert not option.at_its_end(1e-4 * 10**0.101)


def test_the_most_and_the_others_count_the_rules_in():
    space = Space.parse(["warmup_steps=10..50", "schedule=cosine,linear", "decay_fraction=none,0.1"])
    assert space.most("warmup_steps", 70) == 70
    assert space.most("warmup_steps", 20) == 50
    assert space.most("clip", 1.0) == 1.0
    assert space.most("decay_fraction", 0.2) == 0.2
    assert space.others("schedule", "wsd") == {"wsd", "cosine", "linear"}
    assert space.others("optimiser", "adamw") == {"adamw"}
    assert math.isfinite(space.most("decay_fraction", 0.05))
