"""Threads sleep while they wait where others are at work, and nowhere else."""

import os
import subprocess
import sys

import pytest

from scalewright.machines import waiting
from scalewright.machines.host import CpuTime
from scalewright.machines.waiting import wait_as_suits

ASK = """
import os
from scalewright.machines.waiting import wait_as_suits
print(wait_as_suits(), os.environ.get("OMP_WAIT_POLICY"))
"""


@pytest.fixture
def busy(monkeypatch):
    """Makes others as busy as is asked, on a machine where nothing is decided yet."""
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    for name in (*waiting.DECIDED_BY, "WORLD_SIZE"):
        # Set and deleted, so that what a test sets is undone.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(waiting, "SECONDS", 0.0)

    def make(share):
        clocks = iter([CpuTime(0.0, 0.0, 0.0), CpuTime(10 * share + 1, 10.0, 1.0)])
        monkeypatch.setattr(CpuTime, "now", lambda: next(clocks))

    return make


@pytest.mark.parametrize(("share", "policy"), [(0.0, None), (0.1, None), (0.4, "passive")])
def test_by_what_others_take(busy, share, policy):
    busy(share)
    assert wait_as_suits() == (None if policy is None else pytest.approx(share))
    assert os.environ.get("OMP_WAIT_POLICY") == policy


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "WORLD_SIZE"])
def test_what_is_decided_stays(busy, monkeypatch, name):
    busy(0.9)
    monkeypatch.setenv(name, "2")
    assert wait_as_suits() is None
    assert os.environ.get("OMP_WAIT_POLICY") == ("2" if name == "OMP_WAIT_POLICY" else None)


def test_it_is_too_late_once_torch_has_begun(busy, monkeypatch):
    busy(0.9)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert wait_as_suits() is None


@pytest.mark.skipif(not os.path.exists("/proc/stat"), reason="/proc/stat tells who is at work")
def test_beside_a_process_that_never_rests():
    free = {name: value for name, value in os.environ.items() if name not in (*waiting.DECIDED_BY, "WORLD_SIZE")}
    others = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(max(1, (os.cpu_count() or 1) // 4))
    ]
    try:
        told = subprocess.run([sys.executable, "-c", ASK], env=free, capture_output=True, text=True, check=True)
    finally:
        for other in others:
            other.kill()
            other.wait()
    taken, policy = told.stdout.split()
    assert float(taken) > 0.1
    assert policy == "passive"
