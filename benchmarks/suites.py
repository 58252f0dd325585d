"""Promises that are held or not, without a figure of speed: the tests that hold them, run for a report.

Tests may record numbers of what they did (pytest's `record_property`): those named `largest ...` are told by their maximum, all
others by their sum.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from measure import ROOT, sources_hash
from scalewright.files import content_hash

KILLS = "50"


@dataclass(frozen=True)
class Suite:
    """Tests that hold one promise, the slow ones among them: `tests` below `tests/`, as pytest takes them."""

    promise: str
    tests: tuple[str, ...]

    def version(self, without: Sequence[str | Path]) -> str:
        """Hash of which tests these are, of all files beside them and above, and of what those import: what they test."""
        rooms = {ROOT / "tests", *((ROOT / "tests" / test.partition("::")[0]).parent for test in self.tests)}
        files = [Path(__file__), *(path for room in sorted(rooms) for path in sorted(room.glob("*.py")))]
        return content_hash([sources_hash(files, without), *self.tests])[:16]

    def __call__(self) -> Iterator[str]:
        """Runs them, and tells what came of it."""
        yield self.promise
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder, "report.xml")
            command = [sys.executable, "-m", "pytest", "-m", "", "-o", "junit_family=xunit1", f"--junit-xml={report}"]
            command += [f"tests/{test}" for test in self.tests]
            # What it prints goes to the terminal; what is kept is the report.
            subprocess.run(
                command, cwd=ROOT, env=os.environ | {"SCALEWRIGHT_KILLS": KILLS}, check=False, stdout=sys.stderr
            )
            yield from told(ElementTree.parse(report).getroot())


def told(report: ElementTree.Element) -> Iterator[str]:
    """The lines of a JUnit report."""
    cases = list(report.iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [skip.get("message") for case in cases for skip in case.iter("skipped")]
    minutes = sum(float(case.get("time", 0)) for case in cases) / 60
    held = "HELD" if cases and not failed and not skipped else "NOT HELD"
    passed = len(cases) - len(failed) - len(skipped)
    yield f"{held}: {passed} tests passed, {len(failed)} failed, {len(skipped)} skipped, in {minutes:.1f} min"
    yield from (f"failed: {case.get('classname')}.{case.get('name')}" for case in failed)
    yield from (f"skipped: {reason}" for reason in skipped)
    numbers: dict[str, list[float]] = {}
    for number in report.iter("property"):
        numbers.setdefault(number.attrib["name"], []).append(float(number.attrib["value"]))
    for name, values in numbers.items():
        yield f"{name}: {max(values):.2g}" if name.startswith("largest") else f"{name}: {sum(values):g}"
