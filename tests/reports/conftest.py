"""One finished project, made once."""

import pytest

from scalewright.reports import ReportContent

from .project import make_content


@pytest.fixture(scope="session")
def content() -> ReportContent:
    """Everything that a report tells about one finished project."""
    return make_content()
