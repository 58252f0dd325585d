"""What the law engine does, against its bars and its peers.

    python benchmarks/laws.py [PART...]        all parts by default

Each part prints its lines and keeps them under benchmarks/results with the hash of the code of `laws` and of the benchmark; a
part measured before under the same code is printed from there.
"""

from kept_parts import print_parts
from law_chinchilla import chinchilla_lines
from law_designs import design_lines, scalebench_lines
from law_peers import peer_lines
from law_simulation import simulation_lines
from law_speed import speed_lines
from law_splits import split_lines
from law_tables import curve_lines, further_lines, table_lines

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

if __name__ == "__main__":
    print_parts("laws", __doc__, PARTS)
