"""Text that every Python has: the source of its own standard library."""

import os
import sysconfig
from fnmatch import fnmatchcase
from pathlib import Path

from scalewright.errors import InputError

LEFT_OUT = ("test", "tests", "*_test*", "*-packages", "__pycache__", "config-*", "lib-dynload")
"""Folders that are no part of the library proper, or hold no source."""


def standard_library_sources() -> list[str]:
    """Absolute paths of the `.py` files of the running Python's standard library, sorted; tests are left out.

    `_sysconfigdata*.py`, the settings this Python was built with, differs from machine to machine and is
    left out too.

    Raises:
        InputError: this Python comes without its library's source.
    """
    folder = sysconfig.get_path("stdlib")
    found: list[str] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not any(fnmatchcase(name, pattern) for pattern in LEFT_OUT)]
        found += [
            str(Path(parent, name)) for name in files if name.endswith(".py") and not name.startswith("_sysconfigdata")
        ]
    if not found:
        raise InputError(
            f"{folder}: no .py files of the standard library there: use another Python or name your own data"
        )
    return sorted(found)
