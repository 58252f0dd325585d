"""The texts that the benchmarks train on: the standard library, thirds of a hundred novels, poems."""

import lzma
import tarfile
from pathlib import Path

from measure import RESULTS, SHARED
from scalewright.tasks import STANDARD_LIBRARY

TEXTS = ("library", "novels-1", "novels-2", "novels-3", "poems")


def sources(text: str) -> str:
    """What a project file names to train on `text`; the archives are unpacked beside the results once."""
    if text == "library":
        return STANDARD_LIBRARY
    folder = RESULTS / "texts" / text
    if not folder.is_dir():
        part = folder.with_suffix(".part")
        part.mkdir(parents=True, exist_ok=True)
        if text == "poems":
            packed = (SHARED / "text" / "zh_tang_poems" / "tang.txt.xz").read_bytes()
            (part / "tang.txt").write_bytes(lzma.decompress(packed))
        else:
            _unpack_third(int(text[-1]) - 1, part)
        part.rename(folder)
    return str(folder)


def _unpack_third(third: int, folder: Path) -> None:
    with tarfile.open(SHARED / "text" / "english_novels_100" / "novels.tar.xz") as archive:
        novels = sorted((m for m in archive.getmembers() if m.name.endswith(".txt")), key=lambda member: member.name)
        for member in novels[third::3]:
            file = archive.extractfile(member)
            assert file is not None
            (folder / Path(member.name).name).write_bytes(file.read())
