"""A search of a project's options: its cost before, killed in the middle, the same end, and its values in the project."""

import json
import shutil
import signal
import subprocess
import sys
import time

import pytest

from scalewright.ledger import Ledger
from scalewright.pipeline import Searched, SearchEstimate
from scalewright.pipeline.planned import StudyRecipe, studied_project
from scalewright.pipeline.run import open_project

SEARCH = ("--space", "learning_rate=2e-3..0.2:log", "--space", "optimiser=adamw,muon", "--trials", "6")

SHORT = ("--tokens", "60000")


def command(path, *options):
    return [sys.executable, "-m", "scalewright", "search", str(path), *SEARCH, *options, "--json"]


def answered(path, *options):
    answer = subprocess.run(command(path, *options), capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout, answer.stderr


@pytest.fixture
def copies(finished_project, tmp_path):
    def copy(name):
        shutil.copytree(finished_project[0].parent, tmp_path / name)
        return tmp_path / name / finished_project[0].name

    return copy


def test_what_it_would_cost_is_said_and_nothing_written(copies):
    path = copies("dry")
    before = {file: file.stat().st_mtime_ns for file in path.parent.rglob("*")}
    expected = SearchEstimate.model_validate_json(answered(path, "--dry-run")[0])
    assert {file: file.stat().st_mtime_ns for file in path.parent.rglob("*")} == before
    assert expected.trials == 6
    assert expected.before.flops == 0
    assert 0 < expected.typical.flops < expected.most.flops
    assert 0 < expected.typical.seconds <= expected.most.seconds
    assert expected.reasons["typical"].origin == "assumed"
    assert expected.reasons["speed"].origin == "measured"


@pytest.mark.slow
def test_killed_in_the_middle_it_comes_to_the_same(copies):
    calm_path, path = copies("calm"), copies("killed")
    out, said = answered(calm_path, *SHORT)
    calm = Searched.model_validate(json.loads(out))
    assert "at most" in said
    assert "typical" in said
    ledger = path.parent / ".scalewright" / "ledger.db"
    kills = 0
    for more in (1, 4):
        process = subprocess.Popen(command(path, *SHORT), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < until:
            with Ledger.open(ledger) as opened:
                if len(opened.runs(role="trial")) >= more:
                    process.send_signal(signal.SIGKILL)
                    kills += 1
                    break
            time.sleep(0.05)
        process.wait()
    assert kills
    results = {file: file.stat().st_mtime_ns for file in path.parent.glob(".scalewright/runs/*/result-*.json")}
    disturbed = Searched.model_validate(json.loads(answered(path, *SHORT)[0]))
    assert all(file.stat().st_mtime_ns == written for file, written in results.items())
    assert disturbed.trials == calm.trials
    assert (disturbed.best, disturbed.loss, disturbed.runs) == (calm.best, calm.loss, calm.runs)
    with Ledger.open(ledger) as opened:
        assert [opened.run(run).loss for run in calm.runs] == [trial.losses[-1] for trial in calm.trials]
        assert {opened.run(run).role for run in calm.runs} == {"trial"}
    assert calm.rules_loss == calm.trials[0].losses[-1]
    # The ladder knows the noise between seeds.
    assert calm.beyond_noise == (calm.improvement > calm.least_improvement)
    assert calm.spent.flops <= calm.estimate.most.flops * 1.01


def test_values_in_the_project_take_the_place_of_the_rules(copies):
    path = copies("given")
    state = path.parent / ".scalewright"
    rules = StudyRecipe.load(state / "recipe.json").recipe
    path.write_text(path.read_text() + '\n[recipe]\nlearning_rate = 0.0123\noptimiser = "muon"\n')
    with open_project(path) as at, studied_project(at, None) as known:
        recipe = known.recipe
    assert (recipe.learning_rate, recipe.optimiser, recipe.clip) == (0.0123, "muon", rules.clip)
    assert recipe.weight_decay == pytest.approx(1 / (0.0123 * known.ladder.target_steps))
    assert recipe.reasons["learning_rate"].origin == "given"
