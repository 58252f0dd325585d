"""The whole line on a tiny project of two sources."""

import shutil

import numpy as np
import pytest

from scalewright.data import Dataset
from scalewright.ledger import Ledger
from scalewright.pipeline import estimate, run_project
from scalewright.planning import Plan

PROJECT = """
name = "two"
tokenizer = "bytes"

[[source]]
name = "large"
data = ["large"]
weight = 0.5

[[source]]
name = "small"
data = ["small"]
weight = 0.5

[budget]
flops = 1e12
ladder = 2
"""


@pytest.mark.slow
def test_a_project_of_two_sources(tmp_path):
    generator = np.random.default_rng(0)
    for name, letters, files in (("large", "abcdefgh", 80), ("small", "ijklmnop", 40)):
        words = ["".join(generator.choice(list(letters), size=4)) for _ in range(300)]
        (tmp_path / name).mkdir()
        for number in range(files):
            lines = [" ".join(generator.choice(words, size=8)) + ".\n" for _ in range(60)]
            (tmp_path / name / f"{number:02}.txt").write_text("".join(lines))
    path = tmp_path / "project.toml"
    path.write_text(PROJECT)
    said = estimate(path)
    assert [line.split(":")[0] for line in said.sources] == ["large", "small"]
    outcome = run_project(path)
    state = tmp_path / ".scalewright"
    plan, dataset = Plan.load(state / "plan.json"), Dataset.open(state / "data")
    with Ledger.open(state / "ledger.db") as ledger:
        (final,) = ledger.runs(role="final")
        rungs = ledger.runs(role="ladder")
    supply = dataset.manifest.supply
    assert plan.data_hash == final.data_hash == dataset.hash
    assert plan.unique_tokens == supply.worth(plan.choice.tokens)
    assert final.unique_tokens == pytest.approx(min(plan.choice.tokens, plan.unique_tokens), abs=1)
    assert "large" in plan.reasons["epochs"].text
    assert rungs
    for run in (*rungs, final):
        assert run.loss == pytest.approx((run.metrics["loss_large"] + run.metrics["loss_small"]) / 2)
    assert outcome.measured.loss == final.loss
    report = (tmp_path / "report.html").read_text()
    assert "times seen" in report
    assert ">small<" in report
    # Done already; and trained again it comes to the same.
    assert run_project(path) == outcome
    shutil.rmtree(state / "runs" / final.folder)
    for name in ("variants.json", "outcome.json", "ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (state / name).unlink(missing_ok=True)
    assert run_project(path).measured == outcome.measured
    # Other weights are other runs.
    manifest = dataset.manifest
    heavier = tuple(
        source.model_copy(update={"weight": weight}) for source, weight in zip(manifest.mixture, (1, 2), strict=True)
    )
    assert Dataset(dataset.folder, manifest.model_copy(update={"mixture": heavier})).hash != dataset.hash
