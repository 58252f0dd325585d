"""Files of tables: which are read, and what is said of broken ones."""

import gzip
import json
import sys

import pytest

from scalewright.cells import BLOCK, open_cells
from scalewright.errors import InputError


def cells(path):
    with open_cells(path) as source:
        columns = {name: [] for name in source.names}
        for block in source.blocks(source.names):
            for name, values in block.items():
                columns[name] += values
    return columns


def write(folder, name, content):
    path = folder / name
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


EXPECTED = {"N": ["1", "2"], "val loss": ["3.5", "a,b\n\tc"]}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.csv", 'N,val loss\n1,3.5\n2,"a,b\n\tc"\n'),
        ("capitals.CSV", 'N,val loss\n1,3.5\n2,"a,b\n\tc"\n'),
        ("no_last_line_end.csv", 'N,val loss\n1,3.5\n2,"a,b\n\tc"'),
        ("bom.csv", '\ufeffN,val loss\n1,3.5\n2,"a,b\n\tc"\n'),
        ("bom_and_quotes.csv", '\ufeff"N","val loss"\n"1","3.5"\n"2","a,b\n\tc"\n'),
        ("blanks.csv", '  N , "val loss"\n1, 3.5\n2, "a,b\n\tc"\n'),
        ("blank_lines.csv", '\nN,val loss\n\n1,3.5\n\r\n2,"a,b\n\tc"\n\n'),
        ("tabs.tsv", 'N\tval loss\n1\t3.5\n2\t"a,b\n\tc"\n'),
        ("zipped.csv.gz", 'N,val loss\n1,3.5\n2,"a,b\n\tc"\n'),
        ("zipped.tsv.GZ", gzip.compress(mtime=0, data=b'N\tval loss\n1\t3.5\n2\t"a,b\n\tc"\n')),
        ("lines.jsonl", '{"N": "1", "val loss": "3.5"}\n\n  {"N": "2", "val loss": "a,b\\n\\tc"}\r\n'),
        ("bom.jsonl", '\ufeff{"N": "1", "val loss": "3.5"}\n{"N": "2", "val loss": "a,b\\n\\tc"}'),
        ("lines.jsonl.gz", '{"N": "1", "val loss": "3.5"}\n{"val loss": "a,b\\n\\tc", "N": "2"}\n'),
    ],
)
def test_kinds_of_text(tmp_path, name, content):
    assert cells(write(tmp_path, name, content)) == EXPECTED


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends(tmp_path, end):
    assert cells(write(tmp_path, "ends.csv", f"N,loss{end}1,2{end}3,4{end}")) == {"N": ["1", "3"], "loss": ["2", "4"]}


def test_columns_without_a_name_are_passed_over(tmp_path):
    path = write(tmp_path, "index.csv", ",loss,\n0,3.5,\n1,3.4,\n")
    with open_cells(path) as source:
        assert source.names == ["", "loss", ""]
        assert list(source.blocks(["loss"])) == [{"loss": ["3.5", "3.4"]}]


def test_json_values_and_keys_that_come_and_go(tmp_path):
    rows = [{"N": 1, "loss": 2.5}, {"N": None, "eval": "x"}, {"loss": float("inf"), "more": [1]}]
    path = write(tmp_path, "keys.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert cells(path) == {
        "N": [1, None, None],
        "loss": [2.5, None, float("inf")],
        "eval": [None, "x", None],
        "more": [None, None, [1]],
    }


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("count", [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 1])
def test_blocks_lose_no_row(tmp_path, kind, count):
    path = tmp_path / f"rows.{kind}"
    match kind:
        case "csv":
            path.write_text("N\n" + "".join(f"{row}\n" for row in range(count)))
        case "jsonl":
            path.write_text("".join(f'{{"N": {row}}}\n' for row in range(count)))
        case "parquet":
            pytest.importorskip("pyarrow")
            import pyarrow.parquet

            pyarrow.parquet.write_table(pyarrow.table({"N": list(range(count))}), path, row_group_size=1000)
    assert [int(cell) for cell in cells(path)["N"]] == list(range(count))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("runs.txt", "N\n1\n", "suffix; expected .csv, .tsv or .jsonl"),
        ("runs", "N\n1\n", "suffix"),
        ("runs.json", "[]", "suffix"),
        ("runs.parquet.gz", "", "suffix"),
        ("runs.csv", "", "no header"),
        ("runs.csv", "\n\n", "no header"),
        ("runs.csv", ",,\n1,2,3\n", "no header"),
        ("runs.csv", "1e8,2e9,3.1\n2e8,2e9,3.0\n", "no header, the first line is 1e8, 2e9, 3.1"),
        ("runs.csv", "N,loss,N\n1,2,3\n", "more than one column is named 'N'"),
        ("runs.csv", "N;loss\n1;2\n", "parted by ';'; expected ','"),
        ("runs.csv", "N\tloss\n1\t2\n", r"parted by '\\t'; expected ','"),
        ("runs.tsv", "N,loss\n1,2\n", r"parted by ','; expected '\\t'"),
        ("runs.csv", "N,loss\n1,2\n\n3\n", "row 2: found a row of 1, expected 2 cells"),
        ("runs.csv", "N,loss\n1,234,2\n", "row 1: found a row of 3, .* quotes"),
        ("runs.csv", "N,loss\n" + "1,2\n" * (2 * BLOCK + 5) + "1,2,3\n", f"row {2 * BLOCK + 6}: found a row of 3"),
        ("runs.csv", 'N,loss\n1,"2\n3,4\n', "line 3: unexpected end of data"),
        ("runs.csv", 'N,loss\n1,"2"3\n', "line 2: ',' expected after '\"'"),
        ("runs.csv", "N,loss\n1," + "2" * 200_000, "field larger than field limit"),
        ("runs.csv", b"N,loss\n1,2\n3,caf\xe9\n", "line 3: byte 0xe9 is not UTF-8"),
        ("runs.csv", "N,loss\n1,2\n".encode("utf-16"), "line 1: byte 0xff is not UTF-8"),
        ("runs.csv", b"PK\3\4\0\0\0\0,loss\n", "binary"),
        ("runs.csv", b"\x89PNG\r\n\x1a\n", "line 1: byte 0x89 is not UTF-8"),
        ("runs.csv.gz", b"N,loss\n1,2\n\xe9,3\n", "line 3: byte 0xe9"),
        ("runs.jsonl", "", "no columns"),
        ("runs.jsonl", "{}\n{}\n", "no columns"),
        ("runs.jsonl", b'{"N": "\xe9"}', "line 1: byte 0xe9"),
        ("runs.jsonl", '{"N": 1}\n\n{"N": }\n', "row 2: not JSON"),
        ("runs.jsonl", '{"N": 1} {"N": 2}\n', "row 1: not JSON"),
        ("runs.jsonl", "N,loss\n1,2\n", "row 1: not JSON"),
        ("runs.jsonl", "[1, 2]\n", "row 1: found a list: write one object a line"),
        ("runs.jsonl", '{"N": 1, "N": 2}\n', "row 1: not JSON .a name stands twice"),
        ("runs.jsonl", '{"N": ' + "[" * 100_000 + "\n", "row 1: not JSON .nested too deeply"),
    ],
)
def test_broken_text(tmp_path, name, content, says):
    path = write(tmp_path, name, content)
    with pytest.raises(InputError, match=says) as caught:
        cells(path)
    assert str(caught.value).startswith(f"{path}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: b"N,loss\n1,2\n", lambda data: data[:20] + b"\xff" * 9 + data[29:]]
)
def test_damaged_compression(tmp_path, damage):
    path = tmp_path / "runs.csv.gz"
    path.write_bytes(damage(gzip.compress(b"N,loss\n" + b"1,2\n3,4\n5,7\n" * 99)))
    with pytest.raises(InputError, match="damaged compression"):
        cells(path)


def test_absent_files_and_folders(tmp_path):
    with pytest.raises(InputError, match="no such file; expected a table"):
        cells(tmp_path / "absent.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match="this is a folder"):
        cells(tmp_path / "folder.csv")


def test_parquet_that_is_none_or_damaged(tmp_path):
    pytest.importorskip("pyarrow")
    import pyarrow.parquet

    path = write(tmp_path, "not.parquet", "N,loss\n1,2\n")
    with pytest.raises(InputError, match="not Parquet, or damaged"):
        cells(path)
    pyarrow.parquet.write_table(pyarrow.table({"N": list(range(9999))}), path)
    data = path.read_bytes()
    path.write_bytes(data[:4] + b"\xff" * 500 + data[504:])
    with pytest.raises(InputError, match="not Parquet, or damaged"):
        cells(path)
    table = pyarrow.Table.from_arrays([pyarrow.array([1]), pyarrow.array([2])], names=["N", "N"])
    pyarrow.parquet.write_table(table, path)
    with pytest.raises(InputError, match="more than one column is named 'N'"):
        cells(path)


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"needs pyarrow: pip install 'scalewright\[train\]'"):
        cells(write(tmp_path, "runs.parquet", "PAR1"))
