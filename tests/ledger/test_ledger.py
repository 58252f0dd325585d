import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scalewright.errors import InputError, WorkError
from scalewright.ledger import Forecast, Ledger, Run

# A writer in a process of its own: records runs and names each one once it is committed, with the seed kept.
WRITER = """
import sys
from scalewright.ledger import Ledger, Run

path, writer, ids = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(",")
with Ledger.open(path) as ledger:
    for id in ids:
        run = ledger.record_run(Run(
            id=id, study="s", role="ladder", configuration={}, data_hash="d", tokenizer_hash=None, task="t",
            context=None, recipe_version=1, seed=writer, params=1, params_total=1, tokens=1, unique_tokens=1,
            flops=1.0, precision="fp32", layout="1", loss=1.0, seconds=1.0, tokens_per_second=1.0,
            peak_memory_bytes=1))
        print(run.id, run.seed, flush=True)
"""


def start_writer(path: Path, writer: int, ids: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), str(writer), ",".join(ids)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.db") as opened:
        yield opened


def test_a_run_comes_back_as_it_was(ledger: Ledger, make_run: Callable[..., Run], tmp_path: Path) -> None:
    run = make_run(tokens=15_000_000_000_000, flops=3.8e25, commit="abc", folder="runs/a1")
    ledger.record_run(run)
    with Ledger.open(tmp_path / "ledger.db") as again:
        assert again.run("a1") == run
        assert again.run("a2") is None


def test_the_same_id_keeps_the_first(ledger: Ledger, make_run: Callable[..., Run]) -> None:
    first = ledger.record_run(make_run(loss=3.0))
    second = ledger.record_run(make_run(loss=9.0))
    assert (first.loss, second.loss) == (3.0, 3.0)
    assert len(ledger.runs()) == 1


def test_a_run_that_a_search_made_first_becomes_the_ladder_s(ledger: Ledger, make_run: Callable[..., Run]) -> None:
    ledger.record_run(make_run(role="trial", study="searched", loss=3.0))
    kept = ledger.record_run(make_run(role="ladder", study="line", loss=9.0))
    assert (kept.role, kept.study, kept.loss) == ("ladder", "line", 3.0)
    assert ledger.run(kept.id) == kept
    assert ledger.record_run(make_run(role="trial", study="searched")).role == "ladder"


def test_changing_what_came_back_changes_nothing_kept(ledger: Ledger, make_run: Callable[..., Run]) -> None:
    run = ledger.record_run(make_run(loss=3.0))
    run.loss = 1.0
    run.configuration["depth"] = 99
    ledger.record_run(run)
    kept = ledger.run("a1")
    assert kept is not None
    assert (kept.loss, kept.configuration["depth"]) == (3.0, 4)


def test_runs_are_found_by_any_mix_of_what_groups_them(ledger: Ledger, make_run: Callable[..., Run]) -> None:
    ledger.record_run(make_run(id="c", created_at="2026-01-03T00:00:00.000000+00:00"))
    ledger.record_run(make_run(id="a", study="ladder-2", created_at="2026-01-02T00:00:00.000000+00:00"))
    ledger.record_run(make_run(id="b", role="final", created_at="2026-01-01T00:00:00.000000+00:00"))
    ledger.record_run(make_run(id="d", data_hash="d9", context=None, created_at="2026-01-04T00:00:00.000000+00:00"))

    def found(**wanted: object) -> str:
        return "".join(run.id for run in ledger.runs(**wanted))  # type: ignore[arg-type]

    assert found() == "bacd"
    assert found(study="ladder-1") == "bcd"
    assert found(study="ladder-1", role="ladder") == "cd"
    assert found(data_hash="d0", context=256) == "bac"
    assert found(tokenizer_hash="t0", task="language", recipe_version=1, role="final") == "b"
    assert found(recipe_version=2) == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": float("nan")}, "loss"),
        ({"flops": float("inf")}, "flops"),
        ({"curve": [[1, float("nan")]]}, "curve"),
        ({"configuration": {"path": Path("x")}}, "configuration"),
        ({"loss": None}, r"run\.loss"),
        ({"role": "rung"}, "ladder, search"),
    ],
)
def test_a_run_that_cannot_be_kept(
    ledger: Ledger, make_run: Callable[..., Run], change: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        ledger.record_run(make_run(**change))
    assert ledger.runs() == []


def test_four_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ledger.db"
    shared = [f"shared{i}" for i in range(100)]
    writers = [
        start_writer(path, w, [name for i in range(100) for name in (shared[i], f"own{w}-{i}")]) for w in range(4)
    ]
    answers = [writer.communicate(timeout=60)[0].split("\n")[:-1] for writer in writers]

    assert [writer.returncode for writer in writers] == [0] * 4
    assert [len(answer) for answer in answers] == [200] * 4
    with Ledger.open(path) as ledger:
        kept = {run.id: run.seed for run in ledger.runs()}
    assert len(kept) == 100 + 4 * 100
    # Every writer was told of the same first writer, the one whose row is kept.
    assert {tuple(line.split()) for answer in answers for line in answer} == {
        (id, str(seed)) for id, seed in kept.items()
    }


def test_committed_runs_outlive_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    writer = start_writer(path, 0, [f"r{i}" for i in range(5000)])
    assert writer.stdout is not None
    named = [writer.stdout.readline().split()[0] for _ in range(50)]
    os.kill(writer.pid, signal.SIGKILL)
    named += [line.split()[0] for line in writer.stdout.read().split("\n")[:-1]]
    assert writer.wait() == -signal.SIGKILL

    with Ledger.open(path) as ledger:
        kept = {run.id for run in ledger.runs()}
        assert set(named) <= kept
        # At most the run in flight was kept without having been named.
        assert len(kept) - len(named) in (0, 1)
        assert ledger.record_run(ledger.runs()[0]).id in kept
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_forecast_is_stored_once(ledger: Ledger, make_forecast: Callable[..., Forecast]) -> None:
    first = ledger.store_forecast(make_forecast())
    again = ledger.store_forecast(make_forecast(made_at="2099-01-01T00:00:00.000000+00:00"))
    ledger.store_forecast(make_forecast(quantity="seconds"))
    ledger.store_forecast(make_forecast(plan_hash="plan2", value=1.95))
    assert (again.id, again.made_at) == (first.id, first.made_at)
    assert [(f.plan_hash, f.quantity) for f in ledger.forecasts()] == [
        ("plan", "loss"),
        ("plan", "seconds"),
        ("plan2", "loss"),
    ]
    assert [f.quantity for f in ledger.forecasts("plan")] == ["loss", "seconds"]


@pytest.mark.parametrize(
    "change",
    [
        {"value": 2.05},
        {"low": 1.0},
        {"high": 3.0},
        {"level": 0.5},
        {"unit": "bits"},
        {"law_hash": "x"},
        {"extrapolation": 1.0},
    ],
)
@pytest.mark.parametrize("scored", [False, True])
def test_a_forecast_cannot_be_moved(
    ledger: Ledger, make_forecast: Callable[..., Forecast], change: dict[str, object], scored: bool
) -> None:
    ledger.store_forecast(make_forecast())
    if scored:
        ledger.score_forecast("plan", "loss", 2.02)
    (before,) = ledger.forecasts()
    with pytest.raises(WorkError, match=f"{next(iter(change))} .* was stored"):
        ledger.store_forecast(make_forecast(**change))
    assert ledger.forecasts() == [before]


def test_a_forecast_that_comes_measured_is_refused(ledger: Ledger, make_forecast: Callable[..., Forecast]) -> None:
    forecast = make_forecast()
    forecast.measured = 2.0
    with pytest.raises(WorkError, match="measured already"):
        ledger.store_forecast(forecast)
    assert ledger.forecasts() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"low": 2.05}, "low <= value <= high"),
        ({"high": 1.95}, "low <= value <= high"),
        ({"value": float("nan")}, "low <= value <= high"),
        ({"high": float("inf")}, "high"),
        ({"level": 1.0}, "probability"),
        ({"level": 90}, "probability"),
        ({"value": 0.0, "low": 0.0}, "relative error"),
    ],
)
def test_what_is_no_forecast(
    ledger: Ledger, make_forecast: Callable[..., Forecast], change: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        ledger.store_forecast(make_forecast(**change))
    assert ledger.forecasts() == []


def test_a_forecast_is_scored_once(ledger: Ledger, make_forecast: Callable[..., Forecast]) -> None:
    ledger.store_forecast(make_forecast())
    ledger.store_forecast(make_forecast(quantity="seconds"))
    scored = ledger.score_forecast("plan", "loss", 2.2)
    assert scored.error == pytest.approx(0.1)
    assert scored.inside is False
    assert ledger.score_forecast("plan", "loss", 2.2) == scored
    with pytest.raises(WorkError, match=r"scored with 2\.2 .* now 2\.0"):
        ledger.score_forecast("plan", "loss", 2.0)
    assert [f.measured for f in ledger.forecasts()] == [2.2, None]
    # Storing the same forecast again, as a resumed plan does, leaves the score.
    assert ledger.store_forecast(make_forecast()) == scored


def test_scores_that_cannot_be(ledger: Ledger, make_forecast: Callable[..., Forecast]) -> None:
    with pytest.raises(InputError, match="no forecast of loss for plan nowhere"):
        ledger.score_forecast("nowhere", "loss", 2.0)
    ledger.store_forecast(make_forecast())
    with pytest.raises(InputError, match="finite"):
        ledger.score_forecast("plan", "loss", float("nan"))
    assert ledger.forecasts()[0].measured is None


def test_the_track_record_of_what_was_scored(ledger: Ledger, make_forecast: Callable[..., Forecast]) -> None:
    for plan, measured in (("p1", 2.05), ("p2", 2.5), ("p3", None)):
        ledger.store_forecast(make_forecast(plan_hash=plan))
        if measured is not None:
            ledger.score_forecast(plan, "loss", measured)
    record = ledger.track_record()["loss"]
    assert (record.count, record.coverage, record.level) == (2, 0.5, 0.9)
    assert record.mean_absolute_error == pytest.approx((0.025 + 0.25) / 2)


def test_artefacts_are_kept_once(ledger: Ledger) -> None:
    law = ledger.record_artefact("law", "law.json", "h1", ("r1", "r2"))
    assert ledger.record_artefact("law", "law.json", "h1", ("r1", "r2")) == law
    ledger.record_artefact("law", "law.json", "h1", ("r1",))
    ledger.record_artefact("plan", Path("plan.json"), "h2", ("h1",))
    assert [(a.path, a.content_hash, a.made_from) for a in ledger.artefacts("plan")] == [("plan.json", "h2", ["h1"])]
    assert len(ledger.artefacts()) == 3
