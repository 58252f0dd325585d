from dataclasses import replace

import pytest

from scalewright.ledger import Forecast
from scalewright.reports import ReportContent, tables

from .parsing import parse, rows


def test_forecasts_with_what_was_measured(content: ReportContent) -> None:
    unscored = Forecast(
        quantity="accuracy",
        unit="%",
        value=91.0,
        low=89.0,
        high=93.0,
        level=0.9,
        extrapolation=1.0,
        law_hash="l",
        plan_hash="p",
    )
    loss, time, accuracy = rows(tables.forecast_table(replace(content, forecasts=(*content.forecasts, unscored))))
    assert loss[0] == "loss, nats/token"
    error = f"{100 * (content.final.loss / content.forecasts[0].value - 1):+.1f} %".replace("-", "−")
    assert loss[3:] == ["90 %", f"{content.final.loss:.3f}", error, "inside"]
    # 480 s forecast, between 452 and 519 s; it took 436 s.
    assert time == ["time", "8 min 00 s", "7 min 32 s – 8 min 39 s", "90 %", "7 min 16 s", "−9.2 %", "outside"]
    assert accuracy[4:] == ["–", "–", "not scored"]


def test_choice_and_runner_up(content: ReportContent) -> None:
    for row, candidate in zip(
        rows(tables.candidate_table(content)), (content.plan.choice, content.plan.runner_up), strict=True
    ):
        shape = candidate.shape
        assert row[1:4] == [f"{candidate.params:,}", f"{shape.depth} x {shape.width}", f"{candidate.tokens:,}"]
        assert row[-1] == f"{candidate.loss:.3f}"


def test_the_plan_is_set_against_perfect_hardware(content: ReportContent) -> None:
    told = parse(tables.plan_remark(content)).text.replace("\N{NO-BREAK SPACE}", " ")
    assert "expected 8 min 00 s in bf16; perfect hardware would need 4 min 43 s (efficiency 59.0 %)" in told
    assert "stopped after 9 min 36 s" in told
    assert "480 MB expected for a process that only trains, 412 MB used at most by the one that did all this" in told


def test_variants_are_compared_with_the_first(content: ReportContent) -> None:
    trained, small = rows(tables.variant_table(content))
    assert trained[:2] == ["trained", "3.40 MB"]
    assert small[0:2] == ["int8", "1.90 MB"]
    assert small[3] == "+0.15 %"
    assert small[-1] == "1.48x"  # 1204 / 812
    assert rows(tables.variant_table(replace(content, variants=()))) == []


def test_every_rung_and_the_final_run_has_its_row(content: ReportContent) -> None:
    told = rows(tables.rung_table(content))
    assert len(told) == 23
    assert [row[0] for row in told].count("repetition") == 2
    assert sorted(row[9] for row in told) == sorted(f"{run.loss:.3f}" for run in (*content.runs, content.final))
    for row in told:
        assert float(row[9]) / float(row[10]) - 1 == pytest.approx(
            float(row[11][:-2].replace("−", "-")) / 100, abs=5e-4
        )
    assert {row[3] for row in told[:-1]} == {"1.00", "4.00", "8.00"}
    assert told[-1][3] == f"{content.final.tokens / 3.9e6:.2f}"


def test_forms_and_parameters_of_the_law(content: ReportContent) -> None:
    forms = rows(tables.form_table(content))
    for row, fitted in zip(forms, content.law.forms, strict=True):
        assert row[0] == fitted.name
        assert row[1] == fitted.form.formula + fitted.form.source
    assert sum(float(row[2].removesuffix(" %")) for row in forms) == pytest.approx(100, abs=0.2)
    parameters = {row[0]: row[1:] for row in rows(tables.parameter_table(content))}
    assert set(parameters) == set(content.law.parameters)
    floor, interval = content.law.parameters["E"], content.law.intervals(0.9)["E"]
    assert [float(cell) for cell in parameters["E"]] == pytest.approx([floor, *interval], rel=1e-3)


def test_rates_stand_in_the_row_of_their_shape_and_the_column_of_their_precision(content: ReportContent) -> None:
    head = [cell.text for cell in parse(tables.rate_table(content)).all("th")]
    told = {row[0]: row[1:] for row in rows(tables.rate_table(content))}
    assert head[1:] == ["bf16", "fp32"]
    assert told["1024 x 1024 x 1024"] == ["431 GFLOP/s ± 1.5 %", "204 GFLOP/s ± 1.5 %"]
    assert told["4096 x 256 x 1024"] == ["388 GFLOP/s ± 2.5 %", "–"]


def test_the_machine_and_the_data(content: ReportContent) -> None:
    machine = dict(rows(tables.machine_table(content)))
    assert machine["processor"] == "AMD EPYC 9R14: 2 cores, 2 threads"
    assert machine["bandwidth, 2 threads"] == "58.3 GB/s"
    splits = {row[0]: row[1:] for row in rows(tables.split_table(content))}
    assert splits["train"] == ["48", "11.1 MB", "3,900,000", "2.84"]
    remarks = [item.text for item in parse(tables.data_remarks(content)).all("li")]
    assert "2 documents hold carriage returns: kept as they are" in remarks
    assert "Left out books/cover.png: not text: byte 0x89 at the start." in remarks
