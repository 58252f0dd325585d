"""Parts of a benchmark: printed, and kept with the hash of the code they depend on."""

import argparse
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from measure import RESULTS, say_idleness, sources_hash
from scalewright.files import write_atomic
from scalewright.machines.host import cpu_features, cpu_model, usable_threads
from suites import Suite
from unmeasured import UnmeasuredError

_HERE = Path(__file__)
INDIFFERENT = (
    _HERE,
    _HERE.with_name("measure.py"),
    _HERE.with_name("unmeasured.py"),
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
        if kept.exists():
            found = json.loads(kept.read_text())
            print(
                "\n".join([f"\n{part}: kept, {found.get('machine', 'machine not noted')}", *found["lines"]]), flush=True
            )
            continue
        print(f"\n{part}", flush=True)
        taken, lines = say_idleness(), []
        try:
            for line in parts[part]():
                print(line, flush=True)
                lines.append(line)
        except UnmeasuredError as why:
            print(f"not measured here: {why}", flush=True)
            continue
        machine = f"{cpu_model()} with {usable_threads()} threads ({', '.join(cpu_features())})"
        write_atomic(kept, json.dumps({"machine": machine, "taken_by_others": taken, "lines": lines}, indent=1) + "\n")


def kept_as(name: str, part: str, lines: Part) -> Path:
    """Where the lines of a part are kept."""
    if isinstance(lines, Suite):
        version = lines.version(INDIFFERENT)
    else:
        made = lines.func if isinstance(lines, partial) else lines
        version = sources_hash([Path(inspect.getfile(made))], INDIFFERENT)
    return RESULTS / f"{name}-{part}-{version}.json"
