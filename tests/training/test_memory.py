"""The account of a training's peak memory."""

import ctypes
import json
import subprocess
import sys
from pathlib import Path

import pytest

FREED = """
import json
import numpy as np
from scalewright.training.memory import keep_memory, peak_memory_bytes, reset_peak_memory

keep_memory()
blocks = [np.ones(2**17) for _ in range(200)]  # a MiB each
blocks.clear()
before = peak_memory_bytes()
reset_peak_memory()
print(json.dumps([before, peak_memory_bytes()]))
"""


@pytest.mark.skipif(
    not (hasattr(ctypes.CDLL(None), "malloc_trim") and Path("/proc/self/clear_refs").exists()),
    reason="this system neither takes memory back nor starts an account anew",
)
def test_what_was_freed_before_is_not_counted():
    before, after = json.loads(subprocess.run([sys.executable, "-c", FREED], capture_output=True, check=True).stdout)
    assert before - after > 150 * 2**20
