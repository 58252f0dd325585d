from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scalewright.ledger import run_address

BASE: dict[str, Any] = {
    "configuration": {"depth": 4, "tokens": 1000},
    "data_hash": "d",
    "seed": 0,
    "recipe_version": 1,
}


def test_order_of_keys_does_not_matter() -> None:
    assert run_address({"depth": 4, "tokens": 1000}, "d", 0, 1) == run_address({"tokens": 1000, "depth": 4}, "d", 0, 1)


@given(
    st.sampled_from(["configuration", "data_hash", "seed", "recipe_version"]),
    st.integers(2, 2**40),
    st.text(),
)
def test_each_thing_that_decides_the_result_changes_the_address(field: str, number: int, text: str) -> None:
    other = {
        "configuration": {"depth": 4, "tokens": 1000, "more": text},
        "data_hash": "d" + text + "d",
        "seed": number,
        "recipe_version": number,
    }[field]
    assert run_address(**(BASE | {field: other})) != run_address(**BASE)
