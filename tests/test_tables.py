"""Tables of runs: columns against what was written, and what is said of wrong cells, names and conditions."""

import csv
import gzip
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewright.cells import BLOCK
from scalewright.errors import InputError
from scalewright.tables import column_names, read_table

NUMBERS = st.floats(allow_nan=False) | st.integers(-(2**70), 2**70)
# A lone "\r" ends a line of CSV even where it is quoted, for some readers; NUL ends a text in NumPy.
LABELS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=20).map(str.strip)
ROWS = st.lists(st.tuples(NUMBERS, st.none() | NUMBERS, LABELS), min_size=1, max_size=30)


def write(path, rows, header=("params", "loss", "run")):
    """By the writers of Python and Arrow."""
    if path.suffix == ".parquet":
        pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        columns = [
            [value if isinstance(value, str | None) else float(value) for value in column]
            for column in zip(*rows, strict=True)
        ]
        parquet.write_table(pyarrow.table(dict(zip(header, columns, strict=True))), path)
        return path
    with (gzip.open if path.suffix == ".gz" else open)(path, "wt", encoding="utf-8", newline="") as file:
        if ".jsonl" in path.suffixes:
            file.writelines(json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in rows)
        else:
            csv.writer(file, delimiter="\t" if ".tsv" in path.suffixes else ",").writerows([header, *rows])
    return path


@pytest.fixture
def runs(tmp_path):
    return write(
        tmp_path / "runs.csv", [(1e8, 3.5, "a"), ("", 3.4, "a"), (2e9, "NA", "b"), (3e9, 2.9, "b"), (4e9, 2.7, "c")]
    )


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".csv.gz", ".jsonl.gz", ".parquet"])
@given(rows=ROWS)
def test_what_was_written_is_read(tmp_path_factory, suffix, rows):
    path = write(tmp_path_factory.mktemp("table") / f"runs{suffix}", rows)
    whole = [number for number, row in enumerate(rows, start=1) if row[1] is not None]
    if not whole:
        with pytest.raises(InputError, match="no row is left"):
            read_table(path, {"N": "params", "L": "loss"})
        return
    table = read_table(path, {"N": "params", "L": "loss"}, {"id": "run"})
    assert len(table) == len(whole)
    assert table.rows.tolist() == whole
    assert table.columns["N"].tolist() == [float(rows[number - 1][0]) for number in whole]
    assert table.columns["L"].tolist() == [float(rows[number - 1][1]) for number in whole]
    assert table.labels["id"].tolist() == [rows[number - 1][2] for number in whole]
    assert len(table.warnings) == (len(whole) < len(rows))
    assert column_names(path) == ["params", "loss", "run"]


def test_rows_that_lack_a_number_are_left_out_and_told(runs):
    table = read_table(runs, {"params": "params", "loss": "loss"})
    assert table.rows.tolist() == [1, 4, 5]
    assert table.columns["params"].tolist() == [1e8, 3e9, 4e9]
    assert table.warnings == (
        f"left-out: {runs}: left out what is not whole, 2 of 5 rows lack a number: row 2 has no 'params', row 3 has no 'loss'",
    )
    # Of the rows that lack what nobody asked for, none is.
    assert read_table(runs, {"loss": "loss"}).rows.tolist() == [1, 2, 4, 5]
    assert len(read_table(runs, {}, {"run": "run"})) == 5


@pytest.mark.parametrize("missing", ["", "  ", "NA", "na", "N/A", "NaN", "nan", "-nan", "null", "NULL", "None"])
def test_missing_numbers(tmp_path, missing):
    path = write(tmp_path / "runs.csv", [(1, 2, "a"), (missing, 2, "b"), *[(1, missing, "c")] * 7])
    table = read_table(path, {"x": "params", "y": "loss"})
    assert table.rows.tolist() == [1]
    assert "8 of 9 rows" in table.warnings[0]
    assert table.warnings[0].endswith("row 5 has no 'loss', row 6 has no 'loss', ...")


def test_missing_numbers_in_json(tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_text(
        '{"N": 1, "id": 7}\n{"N": null, "id": null}\n{"id": "x"}\n{"N": NaN}\n{"N": "NA"}\n{"N": "2", "id": true}\n{"N": 3}\n'
    )
    table = read_table(path, {"N": "N"}, {"id": "id"})
    assert (table.rows.tolist(), table.columns["N"].tolist()) == ([1, 6, 7], [1, 2, 3])
    assert table.labels["id"].tolist() == ["7", "true", ""]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.5e9", 1.5e9),
        (" 7 ", 7),
        ("+.5", 0.5),
        ("-3E-2", -0.03),
        ("inf", math.inf),
        ("-Infinity", -math.inf),
        ("1e999", math.inf),
        ("70B", 70e9),
        ("1.4T", 1_400_000_000_000),
        ("0.3M", 300_000),
        ("-2K", -2000),
        ("5.G", 5e9),
    ],
)
def test_numbers(tmp_path, text, number):
    path = write(tmp_path / "runs.csv", [(1, 1, "a"), (text, 1, "b"), ("8B", 1, "c")])
    table = read_table(path, {"N": "params"})
    assert table.columns["N"].tolist() == [1, number, 8e9]
    example = f"{text} in row 2" if text[-1] in "KMBTG" else "8B in row 3"
    assert table.warnings[0].startswith(
        f"suffixes: {path}, column 'params': suffixes such as that of {example} are read as powers"
    )


@pytest.mark.parametrize(
    "text", ["diverged", "70b", "7k", "70 B", "70BB", "1e3B", "B", "1_000", "0x10", "1.2.3", "$5", "5%", "1e5,", "--1"]
)
def test_text_among_numbers(tmp_path, text):
    path = write(tmp_path / "runs.csv", [(1, 1, "a")] * BLOCK + [(2, 1, "a"), (text, 1, "b")])
    with pytest.raises(InputError) as caught:
        read_table(path, {"N": "params"})
    start = f"{path}, row {BLOCK + 2}, column 'params': found {text!r}, expected a number: mend it"
    assert str(caught.value).startswith(start)


@pytest.mark.parametrize("text", ["1,234", "-1,234,567.5", "3,14"])
def test_commas_in_numbers(tmp_path, text):
    path = write(tmp_path / "runs.csv", [(text, 1, "a")])
    with pytest.raises(InputError, match=rf"row 1, column 'params': found '{text}', .* so write 1234 or 1\.234"):
        read_table(path, {"N": "params"})


@pytest.mark.parametrize("value", [True, [1], {"a": 1}, 10**400])
def test_json_that_is_no_number(tmp_path, value):
    path = write(tmp_path / "runs.jsonl", [(1, 1, "a"), (value, 1, "b")])
    with pytest.raises(InputError, match=r"row 2, column 'params': found .*, expected a number") as caught:
        read_table(path, {"N": "params"})
    assert len(str(caught.value)) < 400


def test_kinds_of_parquet_columns(tmp_path):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table(
        {
            "int": pyarrow.array([1, None, 3], pyarrow.int64()),
            "half": pyarrow.array([0.5, 1.5, 2.5], pyarrow.float32()),
            "decimal": pyarrow.array([1, 2, 3], pyarrow.decimal128(9, 2)),
            "text": pyarrow.array(["1", "2B", "3e1"]).dictionary_encode(),
            "flag": [True, False, True],
        }
    )
    path = tmp_path / "kinds.parquet"
    parquet.write_table(table, path)
    read = read_table(path, {name: name for name in ("half", "decimal", "text")}, {"int": "int", "flag": "flag"})
    assert {name: values.tolist() for name, values in read.columns.items()} == {
        "half": [0.5, 1.5, 2.5],
        "decimal": [1, 2, 3],
        "text": [1, 2e9, 30],
    }
    assert read.labels["int"].tolist() == ["1", "", "3"]
    assert read.labels["flag"].tolist() == ["true", "false", "true"]
    assert read_table(path, {"x": "int"}).rows.tolist() == [1, 3]
    with pytest.raises(InputError, match="row 1, column 'flag': found True"):
        read_table(path, {"x": "flag"})


def test_names(tmp_path):
    path = write(tmp_path / "runs.csv", [(1, 2, 3, 4)], ["Params", "Loss", "LOSS", "val loss"])
    assert read_table(path, {"N": "params", "L": "LOSS", "V": "Val Loss"}).columns == {"N": [1], "L": [3], "V": [4]}
    with pytest.raises(InputError, match="'loss' may be any of 'Loss', 'LOSS': write it as the file does"):
        read_table(path, {"L": "loss"})
    with pytest.raises(
        InputError, match=r"no column 'parms', perhaps 'Params': name one of 'Params', 'Loss', 'LOSS', 'val loss'$"
    ):
        read_table(path, {"N": "parms"})
    with pytest.raises(InputError, match="no column 'x': name one of"):
        read_table(path, {"N": "Params"}, {"id": "x"})
    with pytest.raises(InputError, match="no column 'size'"):
        read_table(path, {"N": "Params"}, where="size > 3")
    wide = write(tmp_path / "wide.csv", [range(99)], [f"c{number}" for number in range(99)])
    with pytest.raises(InputError, match=r"'c29' and 69 more$"):
        read_table(wide, {"N": "tokens"})


def test_where_keeps_rows_and_spares_the_cells_of_others(tmp_path):
    rows = [(1e8, 3.5, "c4"), (2e8, "diverged", "pile"), (3e8, "", "c4"), (4e8, 3.0, "c4"), ("70B", 2.0, "c4")]
    path = write(tmp_path / "runs.csv", rows * 5000)
    table = read_table(path, {"L": "loss"}, {"set": "run"}, where="run == 'c4' and Params > 1e8")
    wanted = [number for number, row in enumerate(rows * 5000, start=1) if row[2] == "c4" and row[0] != 1e8 and row[1]]
    assert table.rows.tolist() == wanted
    assert table.columns["L"].tolist() == [3.0, 2.0] * 5000
    assert set(table.labels["set"]) == {"c4"}
    assert "5000 of 15000 rows lack a number: row 3 has no 'loss'" in table.warnings[0]
    with pytest.raises(InputError, match="row 2, column 'loss': found 'diverged'"):
        read_table(path, {"L": "loss"}, where="loss > 3")
    with pytest.raises(InputError, match="none of 25000 rows fulfils \"run == 'C4'\""):
        read_table(path, {"L": "loss"}, where="run == 'C4'")
    with pytest.raises(InputError, match="where: cannot read"):
        read_table(path, {"L": "loss"}, where="")


def test_no_rows(tmp_path):
    for name in ("runs.csv", "runs.tsv"):
        with pytest.raises(InputError, match="no rows, only the names of columns"):
            read_table(write(tmp_path / name, []), {"N": "params"})
    with pytest.raises(InputError, match="no row is left, 1 of 1 rows lack a number: row 1 has no 'params'; fill"):
        read_table(write(tmp_path / "runs.csv", [("", 1, "a")]), {"N": "params"})


@pytest.mark.parametrize(("label", "row"), [("x" * 201, 2), ("a\0", 2), ("\ud800", 2)])
def test_labels_that_cannot_be_kept(tmp_path, label, row):
    path = write(tmp_path / "runs.jsonl", [(1, 1, "a"), (1, 1, label)])
    with pytest.raises(InputError, match=f"row {row}, column 'run': .* at most 200 characters"):
        read_table(path, {"N": "params"}, {"id": "run"})


def test_public_tables(shared_data):
    path = shared_data / "laws" / "misfitting" / "scaling_results_last_ckpt_only.csv"
    with path.open(newline="") as file:
        rows = [
            row for row in csv.DictReader(file) if float(row["peak_lr"]) == 0.002 and row["model"] != "misfitting_35m"
        ]
    table = read_table(
        path,
        {"params": "N", "tokens": "D", "loss": "C4 Eval Loss"},
        {"run": "sweep"},
        "peak_lr == 0.002 and model != 'misfitting_35m'",
    )
    assert len(table) == len(rows) > 10
    assert np.array_equal(table.columns["loss"], [float(row["C4 Eval Loss"]) for row in rows])
    assert table.labels["run"].tolist() == [row["sweep"] for row in rows]
