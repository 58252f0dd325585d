"""How the threads of OpenMP wait for each other: decided before torch is imported, for they read it once."""

import os
import sys
import time

from scalewright.machines.host import BUSY, CpuTime

POLICY = "OMP_WAIT_POLICY"
DECIDED_BY = (POLICY, "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Variables by which users decide it themselves."""
SECONDS = 0.3


def wait_as_suits() -> float | None:
    """Has threads sleep while they wait, where other programs are at work.

    Those that spin, as they do by default, keep their processor from the very thread that they wait for. A step of two threads
    on two processors took 3.5 s beside another training, and 0.07 s asleep; on an idle machine, where nothing is in the way,
    waking up made steps a fifth longer (docs/log.md, 2026-11-28).

    Returns:
        Share of the processors that others take, where threads are to sleep because of it; None where all stays as it is:
        nobody is at work, it is decided already, torch has begun, or this is one of several processes, which are no strangers.
    """
    if "torch" in sys.modules or "WORLD_SIZE" in os.environ or any(name in os.environ for name in DECIDED_BY):
        return None
    start = CpuTime.now()
    time.sleep(SECONDS)
    taken = CpuTime.now().taken_by_others_since(start)
    if taken is None or taken <= BUSY:
        return None
    os.environ[POLICY] = "passive"
    return taken
