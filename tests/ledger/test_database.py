import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from scalewright.errors import InputError, WorkError
from scalewright.ledger.database import failures, open_database


def test_makes_folder_and_tables(tmp_path: Path) -> None:
    path = tmp_path / "deep" / ".scalewright" / "ledger.db"
    open_database(path).dispose()
    with sqlite3.connect(path) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert names == {"ledger_migration", "run", "metric", "forecast", "tuning", "artefact"}


def test_a_url_and_a_path_reach_the_same_file(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/ledger.db")
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO artefact VALUES ('1', 'law', 'p', 'h', '[]', 'now')"))
    engine.dispose()
    engine = open_database(str(tmp_path / "ledger.db"))
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM artefact")) == 1
    engine.dispose()


def test_a_later_version_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    open_database(path).dispose()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE ledger_migration SET version_num = '9999'")
    before = path.read_bytes()
    with pytest.raises(WorkError, match=r"version 9999, this program's \d+: upgrade scalewright"):
        open_database(path)
    assert path.read_bytes() == before


def test_somebody_elses_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "places.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url)")
        connection.execute("CREATE TABLE alembic_version (version_num)")
    before = path.read_bytes()
    with pytest.raises(InputError, match="bookmarks"):
        open_database(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("url", "found"),
    [("nosuch://host/base", "nosuch"), ("postgresql://u:secret@:x:y/b", "URL"), ("://", "URL")],
)
def test_a_url_that_leads_nowhere(url: str, found: str) -> None:
    with pytest.raises(InputError, match=found) as caught:
        open_database(url)
    assert "secret" not in str(caught.value)


def test_a_damaged_database_fails_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    open_database(path).dispose()
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))
    with pytest.raises(WorkError, match="malformed") as caught:
        open_database(path)
    assert "\n" not in str(caught.value)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_database(tmp_path / "ledger.db")


def test_what_the_database_reports_becomes_one_line(engine: Engine) -> None:
    expected = pytest.raises(WorkError, match=r"ledger\.db: no such table: nowhere$")
    with expected, failures(engine), engine.begin() as connection:
        connection.execute(text("SELECT *\nFROM nowhere"))
