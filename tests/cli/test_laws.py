"""fit, predict and allocate as a user types them: known laws found again, every wrong input in one line."""

import json
import subprocess
import sys

import numpy as np
import pytest

from scalewright.cli import main as command_line
from scalewright.laws import Law

E, A, B, ALPHA, BETA = 1.7, 400.0, 410.0, 0.34, 0.28
SIZES = np.geomspace(1e7, 1.6e8, 5)
HORIZONS = np.geomspace(2e8, 5e9, 5)
GRID = [(n, d) for n in SIZES for d in HORIZONS]


def known_law(params, tokens):
    return E + A * params**-ALPHA + B * tokens**-BETA


def write(path, header, rows):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


@pytest.fixture
def runs(tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.002, len(GRID))
    rows = [(n, d, known_law(n, d) * np.exp(e)) for (n, d), e in zip(GRID, noise, strict=True)]
    return write(tmp_path / "runs.csv", "params,tokens,loss", rows)


@pytest.fixture(scope="session")
def law(tmp_path_factory):
    """A law.json fitted to runs without noise."""
    folder = tmp_path_factory.mktemp("law")
    rows = [(n, d, known_law(n, d)) for n, d in GRID]
    table = write(folder / "runs.csv", "params,tokens,loss", rows)
    command = ["fit", str(table), "--form", "chinchilla", "--bootstrap", "50", "--out", str(folder / "law.json")]
    subprocess.run([sys.executable, "-m", "scalewright", *command], check=True, capture_output=True, timeout=120)
    return folder / "law.json"


@pytest.fixture
def call(monkeypatch, capsys):
    """Runs `main` in this process; answers with exit code, standard output and standard error."""

    def run_here(*arguments):
        monkeypatch.setattr(sys, "argv", ["scalewright", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            command_line.main()
        return left.value.code or 0, *capsys.readouterr()

    return run_here


@pytest.fixture
def answer(call):
    """The JSON object that a command prints, and nothing else."""

    def ask(*arguments):
        code, out, error = call(*arguments, "--json")
        assert (code, error) == (0, "")
        return json.loads(out)

    return ask


@pytest.fixture
def refusal(call):
    """The one line of a command that fails, with exit code 2 unless another is named."""

    def refuse(*arguments, code=2):
        found, out, error = call(*arguments)
        assert (found, out) == (code, "")
        assert error.startswith("error  ")
        assert len(error.strip().splitlines()) == 1
        return error

    return refuse


# fit


def test_published_fit_of_chinchilla(answer, shared_data):
    # Besiroglu et al. 2024, arXiv:2404.10102, leave out the five highest losses; the values are those of their method.
    table = shared_data / "laws" / "chinchilla245" / "runs.csv"
    columns = ["--params", "Model Size", "--compute", "Training FLOP", "--where", "loss < 3.42"]
    found = answer("fit", table, *columns, "--form", "chinchilla", "--bootstrap", 60)
    expected = {"E": 1.81722, "A": 477.82, "B": 2143.4, "alpha": 0.34731, "beta": 0.36717}
    assert {name: found["parameters"][name] for name in expected} == pytest.approx(expected, rel=2e-4)
    assert found["support"]["runs"] == 240
    assert any("6 N D" in warning for warning in found["warnings"])
    for name, value in expected.items():
        low, high = found["intervals"][name]
        assert low < value < high


def test_plain_fit_finds_the_law_that_made_the_runs(law):
    fitted = Law.load(law)
    assert fitted.parameters["alpha"] == pytest.approx(ALPHA, rel=1e-3)
    assert fitted.parameters["E"] == pytest.approx(E, rel=1e-3)


def test_answer_of_fit_and_the_law_it_keeps(answer, runs, tmp_path):
    out = tmp_path / "new" / "law.json"
    found = answer("fit", runs, "--out", out)
    keys = "form forms parameters intervals objective starts_agreeing support noise warnings out"
    assert set(keys.split()) <= set(found)
    assert found["form"] == "auto"
    assert sum(form["weight"] for form in found["forms"]) == pytest.approx(1)
    kept = Law.load(out)
    assert kept.parameters == found["parameters"]
    assert list(kept.warnings) == found["warnings"]
    assert found["support"]["inputs"]["params"] == pytest.approx([SIZES[0], SIZES[-1]])


@pytest.mark.parametrize(
    ("options", "method"),
    [
        (("--form", "chinchilla"), "no priors"),
        (("--form", "chinchilla", "--priors"), "of the prior's"),
        (("--form", "chinchilla+kaplan"), "of the prior's"),
    ],
)
def test_one_name_is_fitted_as_papers_do(answer, runs, tmp_path, options, method):
    answer("fit", runs, *options, "--bootstrap", 40, "--out", tmp_path / "law.json")
    assert method in Law.load(tmp_path / "law.json").reasons["alpha"].text


@pytest.mark.parametrize(("known", "missing"), [("params", "tokens"), ("tokens", "params")])
def test_compute_stands_for_the_missing_input(answer, tmp_path, known, missing):
    rows = [({"params": n, "tokens": d}[known], 6 * n * d, known_law(n, d)) for n, d in GRID]
    table = write(tmp_path / "runs.csv", f"{known},flops,loss", rows)
    found = answer("fit", table, "--compute", "flops", "--form", "chinchilla", "--bootstrap", 40)
    assert found["parameters"]["beta"] == pytest.approx(BETA, rel=1e-2)
    assert found["warnings"][0].startswith(f"{missing} = flops / (6 {known})")


def test_trunks_are_resampled_whole(answer, tmp_path):
    rows = [(n, d, known_law(n, d) * (1 + 0.02 * np.sin(n)), f"t{n:.0f}") for n, d in GRID]
    table = write(tmp_path / "runs.csv", "params,tokens,loss,long run", rows)
    options = ["--form", "chinchilla", "--trunk", "long run", "--bootstrap", 40]
    by_run = answer("fit", table, *options)["intervals"]["beta"]
    by_trunk = answer("fit", table, *options, "--resample", "trunks")["intervals"]["beta"]
    assert by_run != by_trunk


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


def test_no_torch_is_loaded(runs, tmp_path):
    program = (
        "import sys; from scalewright.cli.main import app; app(sys.argv[1:], standalone_mode=False)\n"
        "print([name for name in ('torch', 'tokenizers', 'plotly', 'pyarrow') if name in sys.modules])"
    )
    command = ["fit", str(runs), "--form", "chinchilla", "--bootstrap", "20", "--plot", str(tmp_path / "law.png")]
    done = subprocess.run([sys.executable, "-c", program, *command], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip().splitlines()[-1] == "[]"


# learning curves


@pytest.fixture
def curve(tmp_path):
    rows = [(d, E + B * d**-BETA) for d in np.geomspace(1e7, 1e10, 16)]
    return write(tmp_path / "curve.csv", "seen,loss", rows)


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


def test_a_curve_has_one_input(refusal, runs):
    assert "expected one input" in refusal("fit", runs, "--curve", "--params", "params", "--tokens", "tokens")


# predict and allocate


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


def test_allocation_is_the_closed_form(answer, law):
    # Hoffmann et al. 2022, arXiv:2203.15556, eq. 4: N = G (C/6)^(beta / (alpha + beta)).
    found = answer("allocate", law, "--compute", "1e21")
    gain = (ALPHA * A / (BETA * B)) ** (1 / (ALPHA + BETA))
    assert found["params"] == pytest.approx(gain * (1e21 / 6) ** (BETA / (ALPHA + BETA)), rel=0.02)
    assert 6 * found["params"] * found["tokens"] == pytest.approx(1e21)
    assert found["low"] <= found["loss"] <= found["high"]
    assert found["extrapolation"] > 1


def test_what_a_person_sees_of_a_law(call, law, runs):
    assert "beyond the runs" in call("predict", law, "--params", "1B", "--tokens", "20B")[1]
    assert "within the runs" in call("predict", law, "--params", "20M", "--tokens", "1B")[1]
    assert "params on" in call("allocate", law, "--compute", "1e21")[1]
    text = call("predict", law, "--table", runs)[1]
    assert "and 5 more rows" in text
    assert "median error" in text


# plots


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


# wrong input


def replaced(runs, row, column, cell):
    lines = [line.split(",") for line in runs.read_text().splitlines()]
    lines[row][lines[0].index(column)] = cell
    runs.write_text("\n".join(map(",".join, lines)) + "\n")


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("loss", "0", "row 7, column 'loss': found 0"),
        ("params", "-3", "row 7, column 'params': found -3"),
        ("tokens", "inf", "row 7, column 'tokens': found inf"),
        ("tokens", "1e-300", "row 7, column 'tokens': found 1e-300"),
        ("loss", "high", "row 7, column 'loss': found 'high'"),
    ],
)
def test_a_value_that_is_wrong_is_shown_with_its_row(refusal, runs, tmp_path, column, cell, said):
    replaced(runs, 7, column, cell)
    error = refusal("fit", runs, "--out", tmp_path / "law.json", "--plot", tmp_path / "law.png")
    assert said in error
    assert str(runs) in error
    assert [path.name for path in tmp_path.iterdir()] == [runs.name]


def test_the_row_is_the_one_of_the_file(refusal, call, runs):
    replaced(runs, 7, "loss", "0")
    replaced(runs, 2, "loss", "")
    condition = refusal("fit", runs, "--where", "params > 1e7").rpartition("--where ")[2].strip().strip("'")
    assert condition == "loss > 0"
    assert "row 7," in refusal("fit", runs)
    assert call("fit", runs, "--form", "chinchilla", "--bootstrap", 20, "--where", condition)[0] == 0


def test_a_missing_default_names_its_option_and_the_columns_there_are(refusal, tmp_path):
    table = write(tmp_path / "runs.csv", "size,seen,final", [(1, 2, 3)])
    error = refusal("fit", table)
    assert "no column 'loss': name it by --loss COL" in error
    assert "'size', 'seen', 'final'" in error
    error = refusal("fit", table, "--loss", "final")
    assert "name it by --params COL" in error
    assert "--curve" in error
    assert "no column 'sise', perhaps 'size'" in refusal(
        "fit", table, "--loss", "final", "--params", "sise", "--tokens", "seen"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--form", "cinchilla"], "form 'cinchilla' is not in the catalogue"),
        (["--form", "chinchilla+"], "form '' is not in the catalogue"),
        (["--where", "params > "], "where: cannot read"),
        (["--where", "params > 1e12"], "none of 25 rows"),
        (["--compute", "loss"], "say by --params or --tokens"),
        (["--compute", "loss", "--params", "params", "--tokens", "tokens"], "leave one out"),
        (["--curve", "--params", "params", "--unique-tokens", "tokens"], "--unique-tokens"),
        (["--input", "lr"], "expected NAME=..."),
        (["--input", "params=tokens"], "write --params"),
        (["--input", "lr=loss", "--input", "lr=params"], "given twice"),
        (["--input", "lr=loss"], "params, tokens, lr"),
        (["--bootstrap", "5"], "at least 20"),
        (["--bootstrap", "5", "--form", "chinchilla"], "at least 20"),
        (["--huber", "0"], "huber_delta: found 0"),
        (["--huber", "nan", "--form", "chinchilla"], "huber_delta: found nan"),
        (["--seed", "-1"], "--seed: found -1"),
        (["--resample", "trunks", "--form", "chinchilla"], "--trunk COL"),
        (["--resample", "runs"], "name one --form"),
        (["--plot", "law.gif"], "expected .png, .svg, .pdf"),
        (["--plot", "law"], "expected .png, .svg, .pdf"),
    ],
)
def test_options_of_fit_that_are_wrong(refusal, runs, options, said):
    assert said in refusal("fit", runs, *options)


def test_outputs_that_would_destroy_something(refusal, runs, tmp_path):
    (tmp_path / "folder.png").mkdir()
    content = runs.read_text()
    assert "this is a folder" in refusal("fit", runs, "--out", tmp_path)
    assert "this is a folder" in refusal("fit", runs, "--plot", tmp_path / "folder.png")
    assert "the table of runs" in refusal("fit", runs, "--out", runs)
    assert "expected a place" in refusal("fit", runs, "--form", "chinchilla", "--out", runs / "law.json")
    assert runs.read_text() == content


def test_tables_that_cannot_be_fitted(refusal, runs, tmp_path):
    assert "no such file" in refusal("fit", tmp_path / "none.csv")
    assert "expected a file of runs" in refusal("fit", "ledger")
    error = refusal("fit", runs, "--where", "params < 1.1e7")
    assert "1 of the 3 sizes" in error
    refusal("fit", runs, "--where", "params < 1.1e7", "--form", "chinchilla", code=1)


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
    ],
)
def test_options_of_predict_that_are_wrong(refusal, law, options, said):
    assert said in refusal("predict", law, *options)


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


def test_budgets_that_buy_nothing(refusal, law):
    assert "--compute: found 'much'" in refusal("allocate", law, "--compute", "much")
    assert "less than a tenth" in refusal("allocate", law, "--compute", "10")
    assert "level: found 2" in refusal("allocate", law, "--compute", "1e20", "--level", "2")


@pytest.fixture
def noisy(answer, runs, tmp_path):
    answer("fit", runs, "--bootstrap", "50", "--out", tmp_path / "noisy.json")
    return tmp_path / "noisy.json"


def test_next_runs_of_a_law(answer, noisy, tmp_path):
    found = answer("next", noisy, "--params", "1e10", "--tokens", "2e11", "--spend", "1e20", "--most", "3")
    assert 0 < len(found["runs"]) <= 3
    assert found["spent"] <= 1e20
    first, last = found["now"], found["runs"][-1]
    assert first["low"] < last["low"] < last["high"] < first["high"]
    split = answer("allocate", noisy, "--compute", "1e22")
    aimed = answer("next", noisy, "--target-compute", "1e22", "--spend", "1e20")["target"]
    assert aimed == {"params": split["params"], "tokens": split["tokens"]}
    pool = write(tmp_path / "pool.csv", "params,tokens,hours", [(1e9, 2e10, 5), (2e9, 4e10, 20)])
    options = ["--params", "1e10", "--tokens", "2e11", "--pool", pool, "--cost", "hours", "--spend", "6"]
    (run,) = answer("next", noisy, *options)["runs"]
    assert run["inputs"] == {"params": 1e9, "tokens": 2e10}
    assert run["cost"] == 5


def test_what_a_person_sees_of_the_next_runs(call, noisy):
    code, out, _ = call("next", noisy, "--target-compute", "1e22", "--spend", "1e20")
    assert code == 0
    assert "target" in out
    assert "run 1" in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--target-compute", "1e22", "--params", "1e9"], "leave one or the other out"),
        (["--params", "1e9"], "--tokens is missing"),
        (["--target-compute", "1e22", "--cost", "hours"], "--cost: belongs to --pool"),
        (["--target-compute", "1e22", "--most", "0"], "at least one run"),
    ],
)
def test_options_of_next_that_are_wrong(refusal, law, options, said):
    assert said in refusal("next", law, "--spend", "1e20", *options)


def test_a_backtest_scores_smaller_ladders(answer, call, runs):
    found = answer("fit", runs, "--bootstrap", "40", "--backtest")["backtest"]
    assert [each["times"] for each in found] == [2, 5, 10, 30]
    assert all(each["median_error"] < 0.05 for each in found if each["refused"] is None)
    assert "median error" in call("fit", runs, "--bootstrap", "40", "--backtest")[1]


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


def test_profile_intervals_of_one_form(answer, refusal, runs):
    options = ["fit", runs, "--form", "chinchilla", "--bootstrap", "200"]
    profile, bootstrap = answer(*options, "--intervals", "profile")["intervals"], answer(*options)["intervals"]
    for name, true in {"E": E, "alpha": ALPHA, "beta": BETA}.items():
        low, high = profile[name]
        assert 0.9 * low < true < 1.1 * high
        assert 0.3 < (high - low) / (bootstrap[name][1] - bootstrap[name][0]) < 3
    assert "name one --form" in refusal("fit", runs, "--intervals", "profile")


@pytest.mark.parametrize(
    ("options", "compute"),
    [
        (["--time", "10h", "--rate", "400T"], 36000 * 4e14),
        (["--usd", "50", "--usd-per-hour", "2.5", "--rate", "4e14"], 20 * 3600 * 4e14),
    ],
)
def test_budgets_of_time_and_money(answer, law, options, compute):
    found, same = answer("allocate", law, *options), answer("allocate", law, "--compute", compute)
    assert found["flops"] == pytest.approx(compute)
    assert found["params"] == pytest.approx(same["params"])
    assert "hours at 4e+14 FLOP/s" in found["reason"]


def test_budgets_of_a_lifetime_and_of_a_loss(answer, law):
    served = answer("allocate", law, "--compute", "1e22", "--inference-tokens", "1T")
    assert 6 * served["params"] * served["tokens"] + 2 * served["params"] * 1e12 == pytest.approx(1e22)
    least = answer("allocate", law, "--loss", answer("allocate", law, "--compute", "1e21")["loss"])
    assert least["flops"] == pytest.approx(1e21, rel=1e-3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "no budget, expected one of"),
        (["--compute", "1e21", "--time", "1h"], "found --compute, --time"),
        (["--time", "1h"], "need --rate R"),
        (["--time", "ten hours", "--rate", "1e14"], "--time: found 'ten hours', expected"),
        (["--usd", "10", "--rate", "1e14"], "needs --usd-per-hour"),
        (["--loss", "2", "--compute", "1e21"], "stands for a budget"),
    ],
)
def test_budgets_that_are_wrong(refusal, law, options, said):
    assert said in refusal("allocate", law, *options)
