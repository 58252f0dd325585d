"""The address of a run: a hash of what decides its result, and of nothing else."""

from collections.abc import Mapping
from typing import Any

from scalewright.files import content_hash


def run_address(configuration: Mapping[str, Any], data_hash: str, seed: int, recipe_version: int) -> str:
    """Address of the run with this configuration (size, tokens, precision, ...), data, seed and recipe.

    Equal inputs have equal addresses on every machine, whatever the order of the configuration's keys.
    """
    return content_hash(
        {
            "configuration": dict(configuration),
            "data_hash": data_hash,
            "seed": seed,
            "recipe_version": recipe_version,
        }
    )
