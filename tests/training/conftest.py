"""A small dataset of tokens with something to learn, and trunks on it."""

from pathlib import Path

import numpy as np
import pytest

from scalewright.architectures import LlamaFamily
from scalewright.data import prepare
from scalewright.planning import Recipe
from scalewright.training import Trunk


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    """Sixty documents of sentences drawn from a small grammar."""
    folder = tmp_path_factory.mktemp("text")
    generator = np.random.default_rng(0)
    words = ["".join(generator.choice(list("abcdefgh"), size=4)) for _ in range(40)]
    for number in range(60):
        sentences = [" ".join(generator.choice(words, size=8)) + ".\n" for _ in range(40)]
        Path(folder, f"{number:02}.txt").write_text("".join(sentences))
    return prepare([folder], tmp_path_factory.mktemp("data") / "prepared", tokenizer="bytes")


@pytest.fixture
def trunk(dataset):
    """Makes a trunk: `trunk(horizons, **changes)`."""

    def make(horizons=(8, 12, 20), width=32, precision="fp32", recipe=None, **changes):
        settings = {
            "learning_rate": 0.01,
            "base_width": 32,
            "base_depth": 2,
            "batch_size": 4,
            "warmup_steps": 3,
            "precision": precision,
        }
        return Trunk(
            task="language",
            shape=LlamaFamily(vocabulary=dataset.manifest.vocabulary, context=32).shape(width),
            recipe=Recipe(**(settings | (recipe or {}))),
            horizons=horizons,
            **({"seed": 0, "threads": 1, "data_hash": dataset.hash} | changes),
        )

    return make
