"""Workers and drivers of a study are killed again and again: every run is there once, none is lost."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from scalewright.studies import LocalExecutor

from .conftest import ray_cluster
from .small_study import run_study

KILLS = int(os.environ.get("SCALEWRIGHT_KILLS", "25"))
STEPS = 300


@contextmanager
def local(folder):
    """This machine: its name for the study, seconds between kills at most, and how to find the workers of a driver."""

    def workers(driver):
        return [
            process for process, told in processes(b"--multiprocessing-fork") if f"PPid:\t{driver}\n".encode() in told
        ]

    yield "local", 20.0, workers


@contextmanager
def on_ray(folder):
    """A cluster of two nodes: a worker that is lost there ends no study, so that kills may follow faster."""
    with ray_cluster(folder, 1, 1) as small:

        def workers(driver):
            places = [f"TMPDIR={place}".encode() for place in small.places]
            return [process for process, told in processes(b"ray::attempt") if any(place in told for place in places)]

        yield small.address, 4.0, workers


def processes(named):
    """Those with this in their command line, and what the system tells of each: status and environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if named in (path / "cmdline").read_bytes():
                found.append((int(path.name), (path / "status").read_bytes() + (path / "environ").read_bytes()))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("place", [local, on_ray])
def test_every_run_is_there_once(dataset, where, tmp_path, place, record_property):
    """Three of four kills hit a worker, the others the driver; a study that ends too early is followed by a longer one."""
    chance, kills = random.Random(0), Counter()
    folder, results, steps = tmp_path / "runs", {}, STEPS
    half_way = 0
    with place(tmp_path) as (address, longest, workers):

        def start():
            command = [sys.executable, "-m", "tests.studies.small_study", address, str(dataset.folder), where]
            command += [str(folder), str(steps)]
            return subprocess.Popen(command, stderr=subprocess.PIPE, cwd=Path(__file__).parents[2])

        driver = start()
        while True:
            with suppress(subprocess.TimeoutExpired):
                driver.wait(chance.uniform(0.2, longest))
            if driver.poll() is not None:
                told = driver.stderr.read().decode()
                if driver.returncode == 0:
                    if kills.total() >= KILLS:
                        break
                    steps += 2
                else:
                    # On one machine the kernel may have killed it for too much memory: the study ends and says so.
                    assert place is local
                    assert "a worker process was killed" in told, told
                driver = start()
            at_work = workers(driver.pid) if kills.total() < KILLS else []
            if at_work:
                half_way += any(folder.glob("*/trunk/step-*"))
                if chance.random() < 0.75:
                    with suppress(ProcessLookupError):
                        os.kill(chance.choice(at_work), signal.SIGKILL)
                        kills["worker"] += 1
                else:
                    driver.kill()
                    driver.wait()
                    kills["driver"] += 1
                    frozen = {path: path.stat().st_mtime_ns for path in folder.glob("*/*")}
                    time.sleep(2)
                    assert frozen == {path: path.stat().st_mtime_ns for path in folder.glob("*/*")}, "orphans write"
                    driver = start()
            now = {path: path.stat().st_ino for path in folder.glob("*/result-*.json")}
            assert results.items() <= now.items(), "a finished run was run again, or its result lost"
            results = now
    assert half_way > KILLS / 5
    for kind, count in kills.items():
        record_property(f"{kind}s killed", count)
    record_property("of these kills, while a run was half way", half_way)
    record_property("runs", len(results))
    with LocalExecutor(2) as executor:
        for each in range(STEPS, steps + 1, 2):
            disturbed = run_study(executor, dataset, where, folder, each)
            assert disturbed == run_study(executor, dataset, tmp_path / "calm.db", tmp_path / "calm", each)
