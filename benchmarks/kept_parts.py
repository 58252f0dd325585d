"""Parts of a benchmark: printed, and kept with the hash of the code they depend on."""

import argparse
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from measure import RESULTS, say_idleness, sources_hash
from scalewright.files import write_atomic
from suites import Suite

_HERE = Path(__file__)
INDIFFERENT = (
    _HERE,
    _HERE.with_name("measure.py"),
    "documents.py",
    "errors.py",
    "files.py",
)

Part = Callable[[], Iterator[str]]


def print_parts(name: str, description: str, parts: Mapping[str, Part]) -> None:
    """Prints the parts that the command line asks for: from what is kept, or measured now."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *parts], metavar="PART", help=", ".join(parts))
    for part in parser.parse_args().parts or parts:
        kept = kept_as(name, part, parts[part])
        print(f"\n{part}{': kept' if kept.exists() else ''}", flush=True)
        if kept.exists():
            print("\n".join(json.loads(kept.read_text())["lines"]))
            continue
        taken, lines = say_idleness(), []
        for line in parts[part]():
            print(line, flush=True)
            lines.append(line)
        write_atomic(kept, json.dumps({"taken_by_others": taken, "lines": lines}, indent=1) + "\n")


def kept_as(name: str, part: str, lines: Part) -> Path:
    """Where the lines of a part are kept."""
    if isinstance(lines, Suite):
        version = lines.version(INDIFFERENT)
    else:
        version = sources_hash([Path(inspect.getfile(lines))], INDIFFERENT)
    return RESULTS / f"{name}-{part}-{version}.json"
