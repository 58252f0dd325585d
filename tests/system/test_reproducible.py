"""The same plan and seed give the same numbers to the last digit."""

import shutil

import torch

from scalewright.pipeline import run_project


def test_the_same_plan_trained_twice(finished_project, tmp_path):
    path, outcome = finished_project
    again = tmp_path / "again"
    # Everything frozen comes along; the final run, its weights and what was made of them do not.
    shutil.copytree(path.parent, again)
    state = again / ".scalewright"
    for weights in state.glob("runs/*/weights.pt"):
        if len(list(weights.parent.glob("result-*.json"))) == 1 and b'"final"' != None:
            shutil.rmtree(weights.parent)
    for name in ("variants.json", "outcome.json", "ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (state / name).unlink(missing_ok=True)
    shutil.rmtree(again / "model")
    second = run_project(again / "project.toml")
    assert second.measured == outcome.measured
    assert second.test == outcome.test
    first, other = (torch.load(p, weights_only=True) for p in (_final(path.parent), _final(again)))
    assert all(torch.equal(first[name], other[name]) for name in first)


def _final(root):
    return max((root / ".scalewright" / "runs").glob("*/weights.pt"), key=lambda path: path.stat().st_size)
