"""A run and a forecast to vary, and databases to keep them in."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from glob import glob
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from scalewright.ledger import Forecast, Run


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[], str]]:
    """Makes fresh databases of a PostgreSQL server: `postgresql()` is the URL of one."""
    pytest.importorskip("psycopg", reason="no driver for PostgreSQL")
    if _programs() is None:
        pytest.skip("PostgreSQL is not installed")
    folder, numbers = Path(tempfile.mkdtemp()), count()
    folder.chmod(0o755)
    with _server(folder) as url:
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")

        def make() -> str:
            name = f"ledger{next(numbers)}"
            with engine.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name}"))
            return url.replace("/postgres?", f"/{name}?")

        yield make
        engine.dispose()
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a ledger yet to be made, once in each kind of database."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger.db")
    return request.getfixturevalue("postgresql")()


@pytest.fixture
def make_run() -> Callable[..., Run]:
    def make(**changes: Any) -> Run:
        fields: dict[str, Any] = {
            "id": "a1",
            "study": "ladder-1",
            "role": "ladder",
            "configuration": {"depth": 4, "nested": {"learning_rate": 0.003}},
            "data_hash": "d0",
            "tokenizer_hash": "t0",
            "task": "language",
            "context": 256,
            "recipe_version": 1,
            "seed": 0,
            "params": 254_000,
            "params_total": 320_000,
            "tokens": 800_000,
            "unique_tokens": 800_000,
            "flops": 1.25e12,
            "precision": "bf16",
            "layout": "1",
            "loss": 3.141592653589793,
            "curve": [[100_000, 4.5], [800_000, 3.14]],
            "seconds": 40.5,
            "tokens_per_second": 19_753.0,
            "peak_memory_bytes": 2**33,
        }
        return Run(**(fields | changes))

    return make


@pytest.fixture
def make_forecast() -> Callable[..., Forecast]:
    def make(**changes: Any) -> Forecast:
        fields: dict[str, Any] = {
            "quantity": "loss",
            "unit": "nats/token",
            "value": 2.0,
            "low": 1.9,
            "high": 2.1,
            "level": 0.9,
            "extrapolation": 7.0,
            "law_hash": "law",
            "plan_hash": "plan",
        }
        return Forecast(**(fields | changes))

    return make


def _programs() -> Path | None:
    """The folder with `initdb` and `pg_ctl`, the latest version's."""
    found = shutil.which("initdb") or next(iter(sorted(glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True)), None)
    return Path(found).parent if found else None


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """A server whose files lie below a folder that others may enter; yields the URL of its first database."""
    # It refuses to run as root.
    other = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    user = other.pw_name if other else pwd.getpwuid(os.geteuid()).pw_name
    place = Path(tempfile.mkdtemp(dir=folder))
    if other:
        os.chown(place, other.pw_uid, other.pw_gid)
    bin_, data = _programs(), place / "data"

    def run(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, cwd=place, user=other.pw_uid if other else None)

    run(f"{bin_}/initdb", "-D", str(data), "--auth=trust", "--encoding=UTF8", "--no-sync", f"--username={user}")
    options = f"-k {place} -c listen_addresses='' -c max_connections=50"
    run(f"{bin_}/pg_ctl", "-D", str(data), "-w", "-l", str(place / "log"), "-o", options, "start")
    try:
        yield f"postgresql://{user}@/postgres?host={place}"
    finally:
        run(f"{bin_}/pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
