"""`predict` as a user types it."""

import numpy as np
import pytest
from tests.cli.conftest import BETA, GRID, B, E, known_law, replaced, write


def test_what_a_person_sees_of_a_fit(call, runs, tmp_path):
    out = tmp_path / "law.json"
    code, text, _ = call("fit", runs, "--form", "chinchilla", "--bootstrap", 40, "--out", out)
    assert code == 0
    for part in ("A N^-alpha + B D^-beta", "arXiv:2203.15556", "90 % interval", "noise", "of the starts", "warning"):
        assert part in text
    *_, last = text.strip().splitlines()
    _, _, *command = last.split()
    assert command[:2] == ["predict", str(out)]
    assert call(*command)[0] == 0


@pytest.mark.parametrize("options", [(), ("--curve",)])
def test_tokens_alone_are_a_learning_curve(answer, curve, tmp_path, options):
    out = tmp_path / "law.json"
    found = answer("fit", curve, "--tokens", "seen", *options, "--form", "power_floor", "--out", out)
    assert list(found["support"]["inputs"]) == ["tokens"]
    assert bool(options) or any("--params COL" in warning for warning in found["warnings"])
    assert answer("predict", out, "--tokens", "100B")["loss"] == pytest.approx(E + B * 1e11**-BETA, rel=2e-3)


def test_a_curve_has_no_split(refusal, call, curve, tmp_path):
    call("fit", curve, "--tokens", "seen", "--form", "power_floor", "--out", tmp_path / "law.json")
    assert "a law in tokens" in refusal("allocate", tmp_path / "law.json", "--compute", "1e20")
    error = refusal("predict", tmp_path / "law.json", "--params", "1B", "--tokens", "1B")
    assert "does not depend on params" in error


def test_forecast_of_one_run(answer, law):
    found = answer("predict", law, "--params", "1B", "--tokens", "0.02T", "--level", 0.8)
    assert found["loss"] == pytest.approx(known_law(1e9, 2e10), rel=1e-3)
    assert found["low"] <= found["loss"] <= found["high"]
    assert found["level"] == 0.8
    assert found["extrapolation"] == pytest.approx(1e9 * 2e10 / (1.6e8 * 5e9))


def test_repeated_tokens_are_worth_less(answer, law):
    place = ["--params", "1e9", "--tokens", "1e11"]
    assert answer("predict", law, *place, "--unique-tokens", "1B")["loss"] > answer("predict", law, *place)["loss"]


def test_every_row_of_a_table_is_scored(answer, law, tmp_path):
    places = [(1e9, 1e10, 1.0), (2e9, 1e10, 1.0), (4e9, 1e10, 1.1)]
    rows = [(n, d, known_law(n, d) * off) for n, d, off in places]
    table = write(tmp_path / "new.csv", "size,tokens,loss", rows)
    found = answer("predict", law, "--table", table, "--params", "size")
    assert [row["row"] for row in found["rows"]] == [1, 2, 3]
    assert [row["inside"] for row in found["rows"]] == [True, True, False]
    assert found["coverage"] == pytest.approx(2 / 3)
    assert found["rows"][2]["error"] == pytest.approx(-np.log(1.1), rel=0.01)
    assert found["median_error"] < 0.001


def test_a_table_without_losses_is_not_scored(answer, law, tmp_path):
    table = write(tmp_path / "new.csv", "params,tokens", [("70B", "1.4T")])
    found = answer("predict", law, "--table", table)
    assert found["rows"][0]["loss"] == pytest.approx(known_law(7e10, 1.4e12), rel=5e-3)
    assert "coverage" not in found
    assert "powers of ten" in found["warnings"][0]


def test_what_a_person_sees_of_a_law(call, law, runs):
    assert "beyond the runs" in call("predict", law, "--params", "1B", "--tokens", "20B")[1]
    assert "within the runs" in call("predict", law, "--params", "20M", "--tokens", "1B")[1]
    assert "params on" in call("allocate", law, "--compute", "1e21")[1]
    text = call("predict", law, "--table", runs)[1]
    assert "and 5 more rows" in text
    assert "median error" in text


@pytest.mark.parametrize(("name", "begins"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.PDF", b"%PDF")])
def test_images_of_every_kind(call, law, tmp_path, name, begins):
    where = ["--params", "1B", "--tokens", "20B", "--unique-tokens", "5B"]
    assert call("predict", law, *where, "--plot", tmp_path / name)[0] == 0
    assert (tmp_path / name).read_bytes().startswith(begins)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_image_of_a_fit_and_of_a_table(call, law, runs, tmp_path):
    assert call("fit", runs, "--form", "chinchilla", "--bootstrap", 20, "--plot", tmp_path / "fit.png")[0] == 0
    assert call("predict", law, "--table", runs, "--plot", tmp_path / "table.png")[0] == 0
    assert (tmp_path / "fit.png").stat().st_size > 10_000
    assert (tmp_path / "table.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--params", "1e9"], "--tokens is missing"),
        (["--tokens", "1e9"], "--params is missing"),
        (["--params", "1e9", "--tokens", "0"], "--tokens: found '0'"),
        (["--params", "-1e9", "--tokens", "1"], "--params: found '-1e9'"),
        (["--params", "7_0", "--tokens", "1"], "--params: found '7_0'"),
        (["--params", "7b", "--tokens", "1"], "such as 7e9, 70B or 1.4T"),
        (["--params", "1e300", "--tokens", "1e300"], "--params: found '1e300'"),
        (["--params", "1B", "--tokens", "1B", "--unique-tokens", "x"], "--unique-tokens: found 'x'"),
        (["--params", "1B", "--tokens", "1B", "--level", "1.5"], "level: found 1.5"),
        (["--params", "1B", "--tokens", "1B", "--level", "nan"], "level: found nan"),
        (["--params", "1B", "--tokens", "1B", "--input", "lr=3"], "does not depend on lr"),
        (["--params", "1B", "--tokens", "1B", "--compute", "1e20"], "does not depend on compute"),
        (["--params", "1B", "--tokens", "1B", "--where", "loss > 1"], "belongs to --table"),
        (["--params", "1B", "--tokens", "1B", "--plot", "law.gif"], "expected .png"),
        (["--table", "none.csv"], "no such file"),
        (["--table", "runs.csv", "--compute", "loss", "--params", "params", "--tokens", "tokens"], "leave one out"),
    ],
)
def test_options_of_predict_that_are_wrong(refusal, law, runs, monkeypatch, options, said):
    monkeypatch.chdir(runs.parent)
    assert said in refusal("predict", law, *options)


def test_a_forecast_too_far_out_is_warned_of(answer, call, law):
    largest = ["--params", "1.6e8", "--tokens", "1e11"]
    assert answer("predict", law, *largest[:2], "--tokens", "5e9")["warnings"] == []
    found = answer("predict", law, "--params", "1.6e9", "--tokens", "5e10")
    assert found["extrapolation"] == pytest.approx(100)
    assert found["warnings"][0].startswith("far: up to 100 times")
    assert "far: tokens 1e+11 is 20 times the largest" in call("predict", law, *largest)[1]


def test_tables_that_cannot_be_forecast(refusal, law, runs, curve):
    assert "name it by --params COL" in refusal("predict", law, "--table", curve, "--tokens", "seen")
    replaced(runs, 3, "tokens", "0")
    assert "row 3, column 'tokens'" in refusal("predict", law, "--table", runs)


@pytest.mark.parametrize("command", [("predict", "--params", "1", "--tokens", "1"), ("allocate", "--compute", "1e20")])
def test_what_is_not_a_law(refusal, runs, tmp_path, command):
    name, *options = command
    for content in ("", "{", "[]", '{"schema_version": 2, "form": "auto"}', "\x00"):
        (tmp_path / "law.json").write_text(content)
        assert "not a law" in refusal(name, tmp_path / "law.json", *options)
    assert "not a law" in refusal(name, runs, *options)
    assert "no such file" in refusal(name, tmp_path / "none.json", *options)


def test_losses_below_zero(answer, refusal, runs, tmp_path):
    rows = [(n, d, known_law(n, d) - 4) for n, d in GRID]
    table = write(tmp_path / "below.csv", "params,tokens,loss", rows)
    assert "expected a positive number" in refusal("fit", table)
    options = ["--loss-zero", "-4", "--form", "chinchilla", "--out", tmp_path / "below.json"]
    assert answer("fit", table, *options)["parameters"]["E"] == pytest.approx(E - 4, abs=1e-3)
    place = ["--params", "1e9", "--tokens", "2e10"]
    assert answer("predict", tmp_path / "below.json", *place)["loss"] == pytest.approx(
        known_law(1e9, 2e10) - 4, abs=1e-3
    )
    assert answer("predict", tmp_path / "below.json", "--table", table)["median_error"] < 1e-4
