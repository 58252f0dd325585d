"""A tiny project on text made here, small enough to be run whole in a test."""

from pathlib import Path

import numpy as np
import pytest

PROJECT = """
name = "tiny"
data = ["text"]
tokenizer = "bytes"

[budget]
flops = 1e12
ladder = 2
"""


def write_tiny_project(folder: Path) -> Path:
    """Writes text of a small grammar and a project on it; returns the project file."""
    generator = np.random.default_rng(0)
    words = ["".join(generator.choice(list("abcdefgh"), size=4)) for _ in range(300)]
    (folder / "text").mkdir(parents=True)
    for number in range(80):
        lines = [" ".join(generator.choice(words, size=8)) + ".\n" for _ in range(100)]
        (folder / "text" / f"{number:02}.txt").write_text("".join(lines))
    path = folder / "project.toml"
    path.write_text(PROJECT)
    return path


@pytest.fixture
def tiny_project(tmp_path):
    """A tiny project of its own for one test."""
    return write_tiny_project(tmp_path)


@pytest.fixture(scope="session")
def witnessed_project(tmp_path_factory):
    """A tiny project, run to its end once for all tests; the forecasts that were in its ledger when the final run began."""
    from scalewright.ledger import Ledger
    from scalewright.pipeline import Silent, run_project

    path = write_tiny_project(tmp_path_factory.mktemp("finished"))
    known = []

    class Witness(Silent):
        def stage(self, name, text):
            if name == "train":
                with Ledger.open(path.parent / ".scalewright" / "ledger.db") as ledger:
                    known.extend(ledger.forecasts())

    return path, run_project(path, watch=Witness()), known


@pytest.fixture(scope="session")
def finished_project(witnessed_project):
    """The tiny project's file, and what it came to."""
    path, outcome, _ = witnessed_project
    return path, outcome
