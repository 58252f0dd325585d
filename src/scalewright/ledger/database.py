"""The database behind a ledger: reached by path or URL, with the ledger's tables in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    NoSuchModuleError,
    SQLAlchemyError,
)

from scalewright.errors import InputError, WorkError
from scalewright.ledger.migrate import HEAD, upgrade, version_of
from scalewright.ledger.sqlite import configure_connection, enter_wal, prepare_file

# Any number that no other program takes for its own advisory lock.
_LOCK = int.from_bytes(b"scalewri") >> 1


def open_database(where: str | Path) -> Engine:
    """Connects to a path (SQLite) or a database URL and makes the ledger's tables where they are missing; those of an
    earlier scalewright are brought to the present.

    Raises:
        InputError: the URL is wrong, its driver is missing; the file is not SQLite's or holds other tables.
        WorkError: the database does not answer, or a later scalewright made its tables.
    """
    engine = _engine(_url(where))
    try:
        with failures(engine):
            _prepare_tables(engine)
            if engine.dialect.name == "sqlite":
                enter_wal(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def name_of(engine: Engine) -> str:
    """What the database is called in messages: its file, or its URL without the password."""
    if engine.dialect.name == "sqlite":
        return str(engine.url.database)
    return engine.url.render_as_string(hide_password=True)


@contextmanager
def failures(engine: Engine) -> Iterator[None]:
    """Turns what the database reports (no space left, no connection, a damaged file) into one line."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        line = str(cause).strip().partition("\n")[0]
        raise WorkError(f"ledger {name_of(engine)}: {line}") from error


def _url(where: str | Path) -> URL:
    if isinstance(where, Path) or "://" not in where:
        return URL.create("sqlite", database=str(where))
    try:
        url = make_url(where)
    except (ArgumentError, ValueError):
        raise InputError(
            "ledger: the URL cannot be read: expected a path, or DIALECT://USER:PASSWORD@HOST/DATABASE"
        ) from None
    # The driver that the extra `postgres` installs.
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        prepare_file(Path(url.database))
    try:
        engine = create_engine(url)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise InputError(
            f"ledger {url.render_as_string()}: {error}: install a driver for {url.drivername}, or use a path"
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", configure_connection)
    return engine


def _prepare_tables(engine: Engine) -> None:
    """Makes the tables in an empty database and brings older ones to the present, all or nothing."""
    with engine.begin() as connection:
        _lock(connection)
        version = version_of(connection)
        if version is None and (found := inspect(connection).get_table_names()):
            raise InputError(
                f"{name_of(engine)}: not a ledger: it holds the tables {', '.join(found[:3])}: name another database"
            )
        if version is not None and version > HEAD:
            raise WorkError(
                f"ledger {name_of(engine)}: its tables have version {version}, this program's {HEAD}: "
                "upgrade scalewright, or start a new ledger"
            )
        if version != HEAD:
            upgrade(connection)


def _lock(connection: Connection) -> None:
    # Of several processes that open a fresh ledger at once, one makes the tables and the others find them.
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
