"""What the law engine does, against its bars and its peers.

    python benchmarks/laws.py [PART...]        all parts by default

Each part prints its lines and keeps them under benchmarks/results with the hash of the code of `laws` and of the benchmark; a
part measured before under the same code is printed from there.
"""

import argparse
import inspect
import json
from pathlib import Path

from law_chinchilla import chinchilla_lines
from law_designs import design_lines, scalebench_lines
from law_peers import peer_lines
from law_simulation import simulation_lines
from law_speed import speed_lines
from law_splits import split_lines
from law_tables import curve_lines, further_lines, table_lines
from measure import RESULTS, say_idleness, sources_hash
from scalewright.files import write_atomic

PARTS = {
    "chinchilla": chinchilla_lines,
    "peers": peer_lines,
    "speed": speed_lines,
    "curves": curve_lines,
    "further": further_lines,
    "tables": table_lines,
    "splits": split_lines,
    "scalebench": scalebench_lines,
    "designs": design_lines,
    "simulation": simulation_lines,
}

INDIFFERENT = Path(__file__).with_name("measure.py"), "documents.py", "errors.py", "files.py"


def main() -> None:
    """Prints the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART", help=", ".join(PARTS))
    for part in parser.parse_args().parts or PARTS:
        version = sources_hash([Path(inspect.getfile(PARTS[part]))], INDIFFERENT)
        kept = RESULTS / f"laws-{part}-{version}.json"
        print(f"\n{part}{': kept' if kept.exists() else ''}", flush=True)
        if kept.exists():
            print("\n".join(json.loads(kept.read_text())["lines"]))
            continue
        taken, lines = say_idleness(), []
        for line in PARTS[part]():
            print(line, flush=True)
            lines.append(line)
        write_atomic(kept, json.dumps({"taken_by_others": taken, "lines": lines}, indent=1) + "\n")


if __name__ == "__main__":
    main()
