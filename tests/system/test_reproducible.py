"""The same plan and seed give the same numbers to the last digit."""

import shutil

import torch

from scalewright.ledger import Ledger
from scalewright.pipeline import run_project
from scalewright.training.checkpoint import read_tensors


def test_the_same_plan_trained_twice(finished_project, tmp_path):
    path, outcome = finished_project
    again = tmp_path / "again"
    # Everything frozen comes along; the final run, its weights and what was made of them do not.
    shutil.copytree(path.parent, again)
    state = again / ".scalewright"
    with Ledger.open(state / "ledger.db") as ledger:
        (final,) = ledger.runs(role="final")
    shutil.rmtree(state / "runs" / final.folder)
    for name in ("variants.json", "outcome.json", "ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (state / name).unlink(missing_ok=True)
    shutil.rmtree(again / "model")
    second = run_project(again / "project.toml")
    assert second.measured == outcome.measured
    assert second.test == outcome.test
    first, other = (
        read_tensors(root / ".scalewright" / "runs" / final.folder / "weights") for root in (path.parent, again)
    )
    assert all(torch.equal(first[name], other[name]) for name in first)
