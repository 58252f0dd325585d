"""`fit ledger`: the law of the runs that a project has finished."""

from pathlib import Path

import numpy as np
import pytest

from scalewright.cli.columns import Columns
from scalewright.cli.ledger_runs import read_ledger
from scalewright.errors import InputError
from scalewright.ledger import Ledger, Run


def run(params: int, tokens: int, **changes: object) -> Run:
    fields = {
        "id": f"{params} {tokens} {sorted(changes.items())}",
        "study": "s",
        "role": "ladder",
        "configuration": {},
        "data_hash": "d" * 64,
        "tokenizer_hash": "t" * 64,
        "task": "language",
        "context": 128,
        "recipe_version": 1,
        "seed": 0,
        "params": params,
        "params_total": params,
        "tokens": tokens,
        "unique_tokens": min(tokens, 400_000),
        "flops": 6.0 * params * tokens,
        "precision": "bf16",
        "layout": "one",
        "loss": 1.5 + 100 * params**-0.4 + 200 * tokens**-0.4,
        "seconds": 1.0,
        "tokens_per_second": 1.0,
        "peak_memory_bytes": 1,
    }
    return Run(**(fields | changes))


def keep(path: Path, *runs: Run) -> Path:
    with Ledger.open(path) as ledger:
        for each in runs:
            ledger.record_run(each)
    return path


GRID = [run(n, d) for n in (10_000, 20_000, 40_000) for d in (100_000, 200_000, 800_000)]


def test_the_runs_of_a_ladder_with_their_trunks(tmp_path: Path) -> None:
    searched = [run(10_000, 100_000, role=role, loss=9.0) for role in ("search", "trial")]
    table = read_ledger(str(keep(tmp_path / "ledger.db", *GRID, *searched)), Columns())
    assert sorted(zip(table.inputs["params"], table.inputs["tokens"], strict=True)) == sorted(
        (r.params, r.tokens) for r in GRID
    )
    assert table.inputs["unique_tokens"].max() == 400_000
    assert table.trunks is not None
    assert len(set(table.trunks)) == 3
    assert table.loss is not None
    assert 9.0 not in table.loss


def test_groups_are_not_mixed(tmp_path: Path) -> None:
    other = [run(r.params, r.tokens, recipe_version=2, loss=r.loss * 0.9) for r in GRID[:4]]
    path = str(keep(tmp_path / "ledger.db", *GRID, *other))
    with pytest.raises(
        InputError, match=r"13 runs are of 2 groups \(9 of dataset dddddddd, .* recipe 1, precision bf16; 4 of"
    ):
        read_ledger(path, Columns())
    assert len(read_ledger(path, Columns(where="recipe == 2")).rows) == 4


def test_runs_of_another_optimiser_are_another_group(tmp_path: Path) -> None:
    muon = {"recipe": {"optimiser": "muon", "learning_rate": 0.01}}
    other = [run(r.params, r.tokens, configuration=muon, loss=r.loss * 0.9) for r in GRID[:4]]
    path = str(keep(tmp_path / "ledger.db", *GRID, *other))
    with pytest.raises(InputError, match=r"9 of .* options none, recipe 1.*; 4 of .* options optimiser=muon, recipe 1"):
        read_ledger(path, Columns())
    assert len(read_ledger(path, Columns(where="options == 'optimiser=muon'")).rows) == 4


def test_what_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="run this in the folder of a project"):
        read_ledger(None, Columns())
    with pytest.raises(InputError, match="no such file"):
        read_ledger("none.db", Columns())
    with pytest.raises(InputError, match="holds no finished run"):
        read_ledger(str(keep(tmp_path / "empty.db")), Columns())


def test_a_law_of_the_ledger(answer, refusal, runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".scalewright").mkdir()
    keep(tmp_path / ".scalewright" / "ledger.db", *GRID)
    monkeypatch.chdir(tmp_path)
    found = answer("fit", "ledger", "--bootstrap", "30", "--out", "law.json")
    assert found["support"]["runs"] == 9
    forecast = answer("predict", "law.json", "--params", "80000", "--tokens", "800000", "--unique-tokens", "400000")
    assert forecast["loss"] == pytest.approx(1.5 + 100 * 80000**-0.4 + 200 * 800000**-0.4, rel=0.03)
    assert np.isfinite(forecast["low"])
    assert "belongs to `scalewright fit ledger`" in refusal("fit", runs, "--ledger", "x.db")
