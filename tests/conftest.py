"""Fixtures shared by all tests, and which of them stay together where several processes share them out."""

from pathlib import Path

import pytest

_HERE = Path(__file__).resolve().parent
_TOGETHER = _HERE / "system"
"""One project is run for all tests below it."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests of a file share its fixtures: a process takes all of them."""
    group = _TOGETHER if item.path.is_relative_to(_TOGETHER) else item.path
    item.add_marker(pytest.mark.xdist_group(str(group.relative_to(_HERE))))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public tables and texts that lies beside the checkout; the test is skipped where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("shared/data is not beside this checkout")
    return folder
