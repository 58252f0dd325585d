"""The whole line on a tiny project."""

import hashlib
import json
import math
import shutil
import sqlite3
import subprocess
import sys
import time

import pytest
import torch
from transformers import AutoModelForCausalLM

from scalewright.data import Dataset
from scalewright.laws import Law
from scalewright.ledger import Ledger
from scalewright.machines import Machine
from scalewright.models import load_model
from scalewright.pipeline import estimate, run_project
from scalewright.planning import Ladder, Plan


def state(path, name):
    return path.parent / ".scalewright" / name


def test_the_forecast_was_stored_before_the_run_and_scored_after_it(witnessed_project):
    path, outcome, known = witnessed_project
    plan = Plan.load(state(path, "plan.json"))
    with Ledger.open(state(path, "ledger.db")) as ledger:
        forecasts = {forecast.quantity: forecast for forecast in ledger.forecasts(plan.hash)}
        (final,) = ledger.runs(role="final")
    loss = forecasts["loss"]
    assert {(f.quantity, f.value, f.low, f.high, f.measured) for f in known} == {
        (f.quantity, f.value, f.low, f.high, None) for f in forecasts.values()
    }
    assert loss.measured == final.loss == outcome.measured.loss
    assert outcome.error == pytest.approx(final.loss / loss.value - 1)
    assert outcome.inside == (loss.low <= final.loss <= loss.high)
    assert forecasts["seconds"].measured == final.seconds
    assert loss.law_hash == Law.load(state(path, "law.json")).hash


def test_a_run_known_before_its_forecast_does_not_score_it(finished_project, tmp_path):
    path, outcome = finished_project
    copy = tmp_path / "copy"
    shutil.copytree(path.parent, copy)
    with sqlite3.connect(copy / ".scalewright" / "ledger.db") as ledger:
        # As a plan made after the run, for another law, would leave it.
        ledger.execute("update forecast set made_at = '2999-01-01T00:00:00+00:00', measured = null, scored_at = null")
    again = run_project(copy / path.name)
    assert (again.known_before, outcome.known_before) == (True, False)
    assert again.error == outcome.error
    assert again.lines()[-1].endswith("known before the forecast")
    with Ledger.open(copy / ".scalewright" / "ledger.db") as opened:
        assert opened.track_record() == {}
    assert "this forecast is no test" in (copy / "report.html").read_text()


def test_the_ladder_is_in_the_ledger(finished_project):
    path, outcome = finished_project
    ladder, plan = Ladder.load(state(path, "ladder.json")), Plan.load(state(path, "plan.json"))
    with Ledger.open(state(path, "ledger.db")) as ledger:
        rungs = ledger.runs(role="ladder")
        searches = ledger.runs(role="search")
    assert len({run.params for run in rungs}) >= 4
    horizons = [len({run.tokens for run in rungs if run.params == size}) for size in {run.params for run in rungs}]
    assert sum(count >= 3 for count in horizons) >= 4
    assert len(searches) >= 3
    assert all(run.flops <= plan.choice.flops / 8 for run in rungs)
    assert outcome.compute_ratio == pytest.approx(plan.choice.flops / max(run.flops for run in rungs))
    assert sum(len(rung.horizons) for rung in ladder.rungs if rung.role == "ladder") == len(rungs)
    assert all(math.isfinite(run.loss) and 0 < run.loss < math.log(257) for run in rungs)


def test_the_law_knows_which_runs_share_a_trunk(finished_project):
    path, _ = finished_project
    repeated = sum(rung.role == "repeat" for rung in Ladder.load(state(path, "ladder.json")).rungs)
    noise = Law.load(state(path, "law.json")).reasons["noise"].text
    assert f"trunks or runs repeated: {repeated};" in noise


def test_the_ledger_knows_what_each_artefact_was_made_from(finished_project):
    path, outcome = finished_project
    plan = Plan.load(state(path, "plan.json"))
    with Ledger.open(state(path, "ledger.db")) as ledger:
        artefacts = {artefact.path: artefact for artefact in ledger.artefacts()}
        (final,) = ledger.runs(role="final")
        rungs = {run.id for role in ("ladder", "repeat", "repetition") for run in ledger.runs(role=role)}
    assert set(artefacts) == {str(state(path, "law.json")), outcome.plan, outcome.model, outcome.compressed}
    assert set(artefacts[str(state(path, "law.json"))].made_from) == rungs
    assert artefacts[outcome.plan].content_hash == plan.hash
    assert plan.law_hash in artefacts[outcome.plan].made_from
    weights = hashlib.sha256((path.parent / "model" / "model.safetensors").read_bytes()).hexdigest()
    assert (artefacts[outcome.model].content_hash, set(artefacts[outcome.model].made_from)) == (
        weights,
        {plan.hash, final.id},
    )


def test_the_model_is_what_was_measured(finished_project):
    path, outcome = finished_project
    dataset = Dataset.open(state(path, "data"))
    theirs = AutoModelForCausalLM.from_pretrained(outcome.model).eval()
    tokens = torch.tensor([[int(token) for token in dataset.tokens("test")[:128]]])
    with torch.no_grad():
        torch.testing.assert_close(load_model(path.parent / "model")(tokens), theirs(tokens).logits, rtol=0, atol=1e-4)
    trained, int8 = outcome.variants
    assert trained.loss == pytest.approx(outcome.measured.loss, rel=5e-3)
    assert int8.bytes < 0.35 * trained.bytes
    assert int8.loss == pytest.approx(trained.loss, rel=5e-3)


def test_run_again_it_answers_at_once_with_the_same(finished_project):
    path, outcome = finished_project
    began = time.monotonic()
    assert run_project(path) == outcome
    # Not a benchmark: training again would take far longer.
    assert time.monotonic() - began < 30


def test_report_and_last_lines(finished_project):
    path, outcome = finished_project
    page = (path.parent / "report.html").read_text()
    assert f"measured <strong>{outcome.measured.loss:.3f}</strong>" in page
    forecast, measured = outcome.lines()
    said = outcome.forecast
    assert forecast == (
        f"forecast  {said.loss:.3f} nats/token   90 %: {said.low:.3f} – {said.high:.3f}   "
        f"{said.extrapolation:.1f}x beyond the ladder"
    )
    assert measured.split() == [
        *(
            "measured",
            f"{outcome.measured.loss:.3f}",
            "error",
            f"{100 * (outcome.measured.loss / said.loss - 1):+.1f}",
            "%,",
        ),
        "inside" if said.low <= outcome.measured.loss <= said.high else "outside",
    ]
    assert json.loads(outcome.model_dump_json())["forecast"]["level"] == 0.9


def test_every_number_of_the_plan_has_its_reason(finished_project):
    path, _ = finished_project
    plan = Plan.load(state(path, "plan.json"))
    reasons = plan.reasons | plan.recipe.reasons
    numbers = {name for name, value in plan if isinstance(value, int | float) and name != "schema_version"}
    told_otherwise = {"limit_seconds": "hard_stop"}
    assert {told_otherwise.get(name, name) for name in numbers} | {
        "params",
        "tokens",
        "context",
        "precision",
        "precision_price",
        "forecast",
    } <= set(plan.reasons)
    assert {"batch_size", "learning_rate", "warmup_steps", "weight_decay", "decay_fraction", "clip"} <= set(reasons)


def test_dry_run_spends_nothing(tiny_project):
    before = sorted(tiny_project.parent.rglob("*"))
    expected = estimate(tiny_project)
    assert sorted(tiny_project.parent.rglob("*")) == before
    assert expected.runs >= 12
    assert expected.text_bytes == sum(file.stat().st_size for file in (tiny_project.parent / "text").iterdir())
    assert expected.final_seconds > 0


def test_the_plan_of_a_project_is_the_one_it_trained(finished_project, tmp_path):
    path, _ = finished_project
    copy = tmp_path / "copy"
    shutil.copytree(path.parent, copy)
    command = [
        sys.executable,
        "-m",
        "scalewright",
        "plan",
        str(copy / path.name),
        "--json",
        "--out",
        str(tmp_path / "plan.json"),
    ]
    answered = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    found, plan = json.loads(answered.stdout), Plan.load(state(path, "plan.json"))
    assert Plan.load(tmp_path / "plan.json") == plan
    choice = found["choice"]
    assert {"params", "tokens", "seconds", "device_hours", "memory_bytes", "mfu", "layout"} <= choice.keys()
    assert {"front", "runner_up", "ideal", "efficiency", "reasons", "forecast"} <= found.keys()
    assert choice["params"] == plan.choice.params


def test_its_final_run_corrects_plans_of_the_machine(finished_project, tmp_path):
    path, _ = finished_project
    # Whatever else this machine is at: what is planned here is not kept.
    machine = Machine.load(state(path, "machine.json")).model_copy(update={"trusted": True})
    machine.save(tmp_path / "machine.json")
    command = [
        sys.executable, "-m", "scalewright", "plan", "--law", "published:chinchilla", "--hours", "0.1", "--json",
        "--machine", str(tmp_path / "machine.json"), "--ledger", str(state(path, "ledger.db")),
    ]  # fmt: skip
    answered = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert "as 1 measured runs took" in json.loads(answered.stdout)["reasons"]["tokens_per_second"]["text"]


def test_the_final_run_told_its_steps_to_the_ledger(finished_project):
    path, outcome = finished_project
    plan = Plan.load(state(path, "plan.json"))
    with Ledger.open(state(path, "ledger.db")) as ledger:
        (final,) = ledger.runs(role="final")
        assert ledger.tellers() == [final.id]
        losses = {metric.step: metric.value for metric in ledger.metrics(final.id, "train_loss")}
        rates = {metric.step: metric.value for metric in ledger.metrics(final.id, "learning_rate")}
        (validation,) = ledger.metrics(final.id, "final/validation_loss")
    assert {1, plan.choice.steps} <= losses.keys() == rates.keys()
    assert losses[1] > losses[plan.choice.steps]
    assert max(rates.values()) == pytest.approx(plan.recipe.learning_rate)
    assert (validation.step, validation.value) == (plan.choice.steps, outcome.measured.loss)


@pytest.mark.slow
def test_trackers_of_a_project_hear_of_its_final_run_once(finished_project, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    path, outcome = finished_project
    copy = tmp_path / "copy"
    shutil.copytree(path.parent, copy)
    again, plan = copy / path.name, Plan.load(state(path, "plan.json"))
    again.write_text(f'{again.read_text()}\n[tracking]\nto = ["tensorboard:logs", "ledger:other.db"]\n')
    with Ledger.open(state(path, "ledger.db")) as ledger:
        (final,) = ledger.runs(role="final")
    # Finished before: nothing is told.
    assert run_project(again).measured == outcome.measured
    assert not (copy / "logs").exists()
    # As after a kill before its first checkpoint.
    shutil.rmtree(copy / ".scalewright" / "runs" / final.folder)
    stages = json.loads(state(again, "stages.json").read_text())
    del stages["train"]
    state(again, "stages.json").write_text(json.dumps(stages))
    assert run_project(again).measured == outcome.measured
    events = EventAccumulator(str(copy / "logs" / final.id))
    events.Reload()
    shown = {event.step: event.value for event in events.Scalars("train_loss")}
    with Ledger.open(state(again, "ledger.db")) as kept, Ledger.open(copy / "other.db") as other:
        steps = {metric.step: metric.value for metric in kept.metrics(final.id, "train_loss")}
        assert kept.metrics(final.id, "train_loss") == other.metrics(final.id, "train_loss")
    assert {1, plan.choice.steps} <= shown.keys() == steps.keys()
    assert shown == {step: pytest.approx(loss) for step, loss in steps.items()}
    assert events.Scalars("final/validation_loss")[0].value == pytest.approx(outcome.measured.loss)
    (text,) = events.Tensors("configuration/text_summary")
    assert f"| forecast.loss | {outcome.forecast.loss} |" in text.tensor_proto.string_val[0].decode()


def test_a_tracker_that_is_missing_is_said_before_any_work(tiny_project):
    command = [sys.executable, "-m", "scalewright", "run", str(tiny_project), "--track", "comet:x"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert refused.returncode == 2
    assert "tracker 'comet:x': expected one of mlflow:URI" in refused.stderr
    assert sorted(file.name for file in (tiny_project.parent / ".scalewright").iterdir()) == ["ledger.db", "lock"]
