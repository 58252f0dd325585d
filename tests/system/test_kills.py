"""Killed at random moments and run again: nothing lost, nothing run twice, the same end."""

import random
import signal
import subprocess
import sys
import time

import pytest

from scalewright.ledger import Ledger
from scalewright.pipeline import Outcome

KILLS = 20


@pytest.mark.slow
def test_twenty_kills(finished_project, tiny_project):
    """The probe and the speeds of the undisturbed run are given to the disturbed one: they are measured, and frozen."""
    calm_path, calm = finished_project
    state, calm_state = tiny_project.parent / ".scalewright", calm_path.parent / ".scalewright"
    state.mkdir()
    record = (calm_state / "stages.json").read_text()
    for name in ("machine.json", "speeds.json"):
        (state / name).write_bytes((calm_state / name).read_bytes())
    (state / "stages.json").write_text(record)
    command = [sys.executable, "-m", "scalewright", "run", str(tiny_project)]
    chance = random.Random(0)
    finished: set[str] = set()
    written: dict[str, tuple[int, int]] = {}
    kills = 0
    while kills < KILLS:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            process.wait(timeout=chance.uniform(1, 14))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            time.sleep(0.2)
        else:
            assert process.returncode == 0, process.stderr.read().decode()
            # Done early: the last part is undone, so that the remaining kills find work to hit.
            (state / "outcome.json").unlink()
            (state / "variants.json").unlink()
        if (state / "ledger.db").exists():
            with Ledger.open(state / "ledger.db") as ledger:
                runs = {run.id for run in ledger.runs()}
            assert finished <= runs, "a finished run was lost"
            finished = runs
        results = {
            str(path): (path.stat().st_ino, path.stat().st_mtime_ns)
            for path in (state / "runs").glob("*/result-*.json")
        }
        assert written.items() <= results.items(), "a finished run was run again, or its result lost"
        written = results
    subprocess.run(command, check=True, capture_output=True)
    disturbed = Outcome.load(state / "outcome.json")
    assert disturbed.forecast == calm.forecast
    assert disturbed.measured == calm.measured
    assert disturbed.test == calm.test
    assert disturbed.error == calm.error
    assert not disturbed.known_before
    with Ledger.open(state / "ledger.db") as mine, Ledger.open(calm_state / "ledger.db") as theirs:
        assert {run.id: run.loss for run in mine.runs()} == {run.id: run.loss for run in theirs.runs()}
        assert len(mine.forecasts()) == 2
    assert len(written) >= len(finished)
