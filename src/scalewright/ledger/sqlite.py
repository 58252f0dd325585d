"""SQLite set up so that several processes can write at once and a committed row survives a crash."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine

from scalewright.errors import InputError, WorkError

# A writer holds the lock for milliseconds; a minute of waiting means that something is stuck.
BUSY_SECONDS = 60.0

_MAGIC = b"SQLite format 3\0"


def prepare_file(path: Path) -> None:
    """Makes the folder of a database file.

    Raises:
        InputError: the folder cannot be made, or the file is there and is not SQLite's.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # An empty file is a database without tables.
        start = path.open("rb").read(len(_MAGIC)) if path.exists() else b""
    except OSError as error:
        raise InputError(f"{path}: cannot open the ledger: {error.strerror}: name another file") from None
    if start not in (b"", _MAGIC):
        raise InputError(f"{path}: not a ledger: expected an SQLite database: name another file")


def configure_connection(connection: sqlite3.Connection, _record: object = None) -> None:
    """Sets a connection to sync at every commit and to wait for other writers."""
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def enter_wal(engine: Engine) -> None:
    """Sets a database to write-ahead logging, for good: readers and the writer no longer block each other."""
    # Two processes that switch a file at once: SQLite fails one of them without heeding the busy timeout.
    deadline = time.monotonic() + BUSY_SECONDS
    with closing(engine.raw_connection()) as connection:
        while True:
            try:
                connection.cursor().execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                primary_code = error.sqlite_errorcode & 0xFF
                if primary_code != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise WorkError(f"{engine.url.database}: write-ahead logging: {error}") from error
            time.sleep(0.01)
