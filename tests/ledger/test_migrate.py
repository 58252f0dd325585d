"""Ledgers of every age: brought to the tables that the program declares, with all that they hold."""

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from scalewright.ledger import Ledger, migrate
from scalewright.ledger.database import open_database
from scalewright.ledger.migrate import HEAD, VERSION_TABLE
from scalewright.ledger.tables import Row

# Of a ledger as the first version of the program made it.
FIRST = """
CREATE TABLE ledger_version (version INTEGER NOT NULL, PRIMARY KEY (version));
INSERT INTO ledger_version VALUES (1);
CREATE TABLE run (id VARCHAR NOT NULL, study VARCHAR NOT NULL, role VARCHAR NOT NULL, configuration JSON NOT NULL,
 data_hash VARCHAR NOT NULL, tokenizer_hash VARCHAR, task VARCHAR NOT NULL, context BIGINT, recipe_version BIGINT NOT NULL,
 seed BIGINT NOT NULL, params BIGINT NOT NULL, params_total BIGINT NOT NULL, tokens BIGINT NOT NULL,
 unique_tokens BIGINT NOT NULL, flops DOUBLE NOT NULL, precision VARCHAR NOT NULL, layout VARCHAR NOT NULL,
 loss DOUBLE NOT NULL, test_loss DOUBLE, curve JSON NOT NULL, seconds DOUBLE NOT NULL, tokens_per_second DOUBLE NOT NULL,
 peak_memory_bytes BIGINT NOT NULL, "commit" VARCHAR, created_at VARCHAR NOT NULL, folder VARCHAR, PRIMARY KEY (id));
CREATE INDEX ix_run_study ON run (study);
CREATE INDEX ix_run_data_hash ON run (data_hash);
CREATE TABLE forecast (id INTEGER NOT NULL, quantity VARCHAR NOT NULL, unit VARCHAR NOT NULL, value DOUBLE NOT NULL,
 low DOUBLE NOT NULL, high DOUBLE NOT NULL, level DOUBLE NOT NULL, extrapolation DOUBLE NOT NULL, law_hash VARCHAR NOT NULL,
 plan_hash VARCHAR NOT NULL, made_at VARCHAR NOT NULL, measured DOUBLE, scored_at VARCHAR, PRIMARY KEY (id),
 UNIQUE (plan_hash, quantity));
CREATE TABLE artefact (id VARCHAR NOT NULL, kind VARCHAR NOT NULL, path VARCHAR NOT NULL, content_hash VARCHAR NOT NULL,
 made_from JSON NOT NULL, created_at VARCHAR NOT NULL, PRIMARY KEY (id));
INSERT INTO run VALUES ('a', 's', 'final', '{}', 'd', NULL, 'language', 128, 1, 0, 1, 2, 3, 3, 4.0, 'bf16', 'single', 2.5,
 NULL, '[]', 1.0, 3.0, 9, NULL, '2026-11-01', NULL);
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(FIRST)
    return path


def test_an_old_ledger_keeps_its_runs(old: Path) -> None:
    with Ledger.open(old) as ledger:
        (run,) = ledger.runs()
        assert (run.loss, run.metrics, run.context) == (2.5, {}, 128)
        ledger.record_metrics("a", [(1, "train_loss", 3.0)])
    with Ledger.open(old) as ledger:
        assert len(ledger.metrics("a")) == len(ledger.runs()) == 1


@pytest.mark.parametrize("age", ["new", "old"])
def test_migrations_end_at_the_tables_that_are_declared(
    tmp_path: Path, age: str, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue("old") if age == "old" else tmp_path / "ledger.db"
    engine = open_database(path)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, Row.metadata) == []
        assert set(inspect(connection).get_table_names()) == {*Row.metadata.tables, VERSION_TABLE}
    engine.dispose()


def test_the_last_migration_is_the_programs() -> None:
    assert ScriptDirectory(str(Path(migrate.__file__).parent / "migrations")).get_heads() == [HEAD]


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    def full(*told: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(op, "drop_table", full)
    with pytest.raises(OSError, match="No space left"):
        open_database(old)
    monkeypatch.undo()
    with sqlite3.connect(old) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert names == {"ledger_version", "run", "forecast", "artefact"}
    engine = open_database(old)
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM run")) == 1
    engine.dispose()
