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
def finished_project(tmp_path_factory):
    """A tiny project, run to its end once for all tests."""
    from scalewright.pipeline import run_project

    path = write_tiny_project(tmp_path_factory.mktemp("finished"))
    return path, run_project(path)
