"""What lies already where data are to be prepared."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from scalewright.data.dataset import TOKENIZER
from scalewright.data.manifests import MANIFEST
from scalewright.errors import InputError, ScalewrightError

Prepared = TypeVar("Prepared")

_OURS = re.compile(rf"{re.escape(MANIFEST)}|{re.escape(TOKENIZER)}|(train|validation|test)(-labels|-\d+)?-\d+\.bin")


def existing(out: Path, opened: Callable[[Path], Prepared]) -> Prepared | None:
    """The sound dataset in `out`, if there is one that can be opened; another one of ours is to be replaced.

    Raises:
        InputError: `out` is a file, or a folder that holds anything else.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: a file; expected a folder, or a name that is free")
    found = sorted(path.name for path in out.glob("*"))
    foreign = [name for name in found if not _OURS.fullmatch(name)]
    if foreign or (found and MANIFEST not in found):
        raise InputError(f"{out}: holds {(foreign or found)[0]}, and is no dataset: name another folder")
    try:
        return opened(out)
    except ScalewrightError:
        return None
