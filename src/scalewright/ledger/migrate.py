"""Tables made, and brought to the present: migrations of Alembic, inside the transaction that opens the ledger."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

HEAD = "0003"
"""The last of the migrations."""
FIRST = "0001"
VERSION_TABLE = "ledger_migration"
"""Tells the migration that a ledger stands at; a name of its own, for other programs use Alembic too."""
FIRST_VERSION_TABLE = "ledger_version"
"""Of ledgers before Alembic: their tables are those of the first migration."""

_MIGRATIONS = Path(__file__).parent / "migrations"


def version_of(connection: Connection) -> str | None:
    """The migration that a ledger stands at; None where the database holds no ledger."""
    if inspect(connection).has_table(VERSION_TABLE):
        return str(connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one())
    return FIRST if inspect(connection).has_table(FIRST_VERSION_TABLE) else None


def upgrade(connection: Connection) -> None:
    """Brings the tables to the present, all of it or nothing."""
    # Only a ledger that needs it waits for Alembic to load.
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    if inspect(connection).has_table(FIRST_VERSION_TABLE):
        command.stamp(config, FIRST)
    command.upgrade(config, HEAD)
