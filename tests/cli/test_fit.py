"""`fit` as a user types it: known laws found again, every wrong table and option in one line."""

import subprocess
import sys

import numpy as np
import pytest
from tests.cli.conftest import ALPHA, BETA, GRID, SIZES, A, B, E, known_law, replaced, write

from scalewright.laws import Law


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
    assert found["warnings"][0].startswith(f"derived: {missing} = flops / (6 {known})")


def test_compute_beside_params_and_tokens_is_checked_against_them(answer, tmp_path):
    options = [
        "--params",
        "params",
        "--tokens",
        "tokens",
        "--compute",
        "flops",
        "--form",
        "chinchilla",
        "--bootstrap",
        40,
    ]

    def warnings(flops):
        rows = [(n, d, c, known_law(n, d)) for (n, d), c in zip(GRID, flops, strict=True)]
        table = write(tmp_path / "runs.csv", "params,tokens,flops,loss", rows)
        found = answer("fit", table, *options)
        assert found["parameters"]["beta"] == pytest.approx(BETA, rel=1e-2)
        return [text for text in found["warnings"] if text.startswith("flops-")]

    counted = [6 * n * d for n, d in GRID]
    assert warnings(counted) == []
    assert "2 N D" in warnings([c / 3 for c in counted])[0]
    (text,) = warnings([*counted[:3], 2 * counted[3], *counted[4:]])
    assert "1 of 25 rows" in text
    assert "row 4," in text


def test_trunks_are_resampled_whole(answer, tmp_path):
    rows = [(n, d, known_law(n, d) * (1 + 0.02 * np.sin(n)), f"t{n:.0f}") for n, d in GRID]
    table = write(tmp_path / "runs.csv", "params,tokens,loss,long run", rows)
    options = ["--form", "chinchilla", "--trunk", "long run", "--bootstrap", 40]
    by_run = answer("fit", table, *options)["intervals"]["beta"]
    by_trunk = answer("fit", table, *options, "--resample", "trunks")["intervals"]["beta"]
    assert by_run != by_trunk


def test_no_torch_is_loaded(runs, tmp_path):
    program = (
        "import sys; from scalewright.cli.main import app; app(sys.argv[1:], standalone_mode=False)\n"
        "print([name for name in ('torch', 'tokenizers', 'plotly', 'pyarrow') if name in sys.modules])"
    )
    command = ["fit", str(runs), "--form", "chinchilla", "--bootstrap", "20", "--plot", str(tmp_path / "law.png")]
    done = subprocess.run([sys.executable, "-c", program, *command], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_a_curve_has_one_input(refusal, runs):
    assert "expected one input" in refusal("fit", runs, "--curve", "--params", "params", "--tokens", "tokens")


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
    error = refusal("fit", runs, "--where", "params < 1.1e7")
    assert "1 of the 3 sizes" in error
    refusal("fit", runs, "--where", "params < 1.1e7", "--form", "chinchilla", code=1)


@pytest.mark.parametrize("form", ["auto", "chinchilla", "chinchilla --priors", "chinchilla+kaplan_floor"])
def test_a_backtest_scores_smaller_ladders(answer, call, runs, form):
    command = ["fit", runs, "--bootstrap", "40", "--backtest", "--form", *form.split()]
    found = answer(*command)["backtest"]
    cost = np.array([n * d for n, d in GRID])
    assert [each["times"] for each in found] == [2, 5, 10, 30]
    assert [each["fitted"] for each in found] == [
        int((cost <= cost.max() / k * (1 + 1e-9)).sum()) for k in (2, 5, 10, 30)
    ]
    scored = [each for each in found if each["refused"] is None]
    assert len(scored) >= 3
    assert all(each["median_error"] < 0.05 for each in scored)
    assert call(*command)[1].count("median error") == len(scored)


def test_profile_intervals_of_one_form(answer, refusal, runs):
    options = ["fit", runs, "--form", "chinchilla", "--bootstrap", "200"]
    profile, bootstrap = answer(*options, "--intervals", "profile")["intervals"], answer(*options)["intervals"]
    for name, true in {"E": E, "alpha": ALPHA, "beta": BETA}.items():
        low, high = profile[name]
        assert 0.9 * low < true < 1.1 * high
        assert 0.3 < (high - low) / (bootstrap[name][1] - bootstrap[name][0]) < 3
    assert "name one --form" in refusal("fit", runs, "--intervals", "profile")


@pytest.mark.parametrize(
    ("factors", "code"), [([1.0, 1.0], None), ([1.4, 1.4], "flops-other"), ([1.0, 2.0], "flops-mixed")]
)
def test_flops_beside_sizes_and_tokens_tell_how_they_were_counted(answer, tmp_path, factors, code):
    rows = [(n, d, known_law(n, d), 6 * n * d * factors[i % 2]) for i, (n, d) in enumerate(GRID)]
    table = write(tmp_path / "flops.csv", "params,tokens,loss,flops", rows)
    warnings = answer("fit", table, "--form", "chinchilla", "--bootstrap", "20")["warnings"]
    assert [text.split(":")[0] for text in warnings if text.startswith("flops")] == ([code] if code else [])


def test_a_column_of_flops_that_nobody_named_refuses_no_table(answer, refusal, tmp_path):
    rows = [(n, d, known_law(n, d), "many") for n, d in GRID]
    table = write(tmp_path / "flops.csv", "params,tokens,loss,flops", rows)
    options = ["fit", table, "--form", "chinchilla", "--bootstrap", "20"]
    assert answer(*options)["parameters"]["beta"] == pytest.approx(BETA, rel=1e-2)
    named = ["--params", "params", "--tokens", "tokens", "--compute", "flops"]
    assert "found 'many'" in refusal(*options, *named)


def test_budgets_whose_best_size_lies_at_the_edge_are_said(answer, tmp_path):
    """Runs of equal compute, their sizes centred on the best, or all below it."""

    def codes(shift):
        rows = []
        for compute in (1e18, 1e19, 1e20):
            both = ALPHA + BETA
            best = (ALPHA * A / (BETA * B)) ** (1 / both) * (compute / 6) ** (BETA / both)
            for factor in (0.25, 0.5, 1.0, 2.0, 4.0):
                n = shift * factor * best
                rows.append((n, compute / 6 / n, known_law(n, compute / 6 / n)))
        table = write(tmp_path / "isoflop.csv", "params,tokens,loss", rows)
        warnings = answer("fit", table, "--form", "chinchilla", "--bootstrap", "20")["warnings"]
        return {text.split(":")[0] for text in warnings if text.startswith("isoflop")}

    assert codes(1.0) == set()
    assert codes(0.3) >= {"isoflop-off-centre"}
    assert codes(0.05) == {"isoflop-none"}
