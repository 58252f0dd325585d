"""Tables made, and brought to the present: migrations of Alembic, inside the transaction that opens the ledger."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

HEAD = "0002"
"""The last of the migrations."""
FIRST = "0001"
BEFORE_ALEMBIC = "ledger_version"
"""The table that told the version of ledgers before Alembic did: theirs are the tables of the first migration."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION = "alembic_version"


def is_ledger(connection: Connection) -> bool:
    """Whether the database holds a ledger's tables."""
    return any(inspect(connection).has_table(table) for table in (_VERSION, BEFORE_ALEMBIC))


def version_of(connection: Connection) -> str | None:
    """The migration that a ledger stands at; None where it has no tables yet."""
    if inspect(connection).has_table(_VERSION):
        return str(connection.execute(text(f"SELECT version_num FROM {_VERSION}")).scalar_one())
    return FIRST if inspect(connection).has_table(BEFORE_ALEMBIC) else None


def upgrade(connection: Connection) -> None:
    """Brings the tables to the present, all of it or nothing; does nothing where they are."""
    version = version_of(connection)
    if version == HEAD:
        return
    # Alembic takes a fifth of a second to load: only a ledger that needs it waits for it.
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    if version == FIRST and not inspect(connection).has_table(_VERSION):
        command.stamp(config, FIRST)
    command.upgrade(config, HEAD)
