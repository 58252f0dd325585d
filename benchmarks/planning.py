"""What plans promise, against what was measured.

    python benchmarks/planning.py [PART...]        all parts by default

Each part prints its lines and keeps them under benchmarks/results with the hash of the code they depend on; a part measured
before under the same code is printed from there.
"""

from kept_parts import print_parts
from layout_memory import layout_lines
from plan_kept import kept_lines
from plan_regret import regret_lines
from published_runs import published_lines
from search_time import search_lines
from step_memory import memory_lines
from step_times import step_lines

PARTS = {
    "published": published_lines,
    "search": search_lines,
    "regret": regret_lines,
    "steps": step_lines,
    "memory": memory_lines,
    "layouts": layout_lines,
    "kept": kept_lines,
}

if __name__ == "__main__":
    print_parts("planning", __doc__, PARTS)
