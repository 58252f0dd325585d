"""Fixtures shared by all tests, and which tests stay together where several processes share them out."""

from pathlib import Path

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

# Other programs may be at work: how long a test takes says nothing of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


class ByFile(LoadFileScheduling):
    """A file's tests, or a folder's that share one finished project, are run by one process: fixtures are made once."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "tests/system" if file.startswith("tests/system/") else file


def pytest_xdist_make_scheduler(config, log):
    return ByFile(config, log)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public tables and texts that lies beside the checkout; the test is skipped where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("shared/data is not beside this checkout")
    return folder
