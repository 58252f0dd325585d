from pathlib import Path

import pytest

from scalewright.errors import InputError
from scalewright.ledger import Ledger
from scalewright.ledger.database import open_database
from scalewright.ledger.sqlite import prepare_file


def test_connections_are_durable_and_patient(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "ledger.db")
    pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    full = 2  # https://www.sqlite.org/pragma.html#pragma_synchronous
    with engine.connect() as one, engine.connect() as other:
        for connection in (one, other):
            found = [connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() for pragma in pragmas]
            assert found == ["wal", full, 1, 60_000]
    engine.dispose()


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("params,tokens,loss\n1,2,3\n")
    with pytest.raises(InputError, match=r"runs\.csv: not a ledger"):
        Ledger.open(path)
    assert path.read_text() == "params,tokens,loss\n1,2,3\n"


def test_a_folder_and_a_path_through_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="directory"):
        Ledger.open(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot open"):
        Ledger.open(tmp_path / "file" / "ledger.db")


def test_an_empty_file_is_a_fresh_database(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.touch()
    prepare_file(path)
    with Ledger.open(path) as ledger:
        assert ledger.runs() == []
