"""Processes side by side: answers, failures, and nobody left behind."""

import math
import os
import pickle
import subprocess
import sys
import time

import pytest

from scalewright.errors import InputError, WorkError
from scalewright.studies import LocalExecutor
from scalewright.studies.executor import report
from scalewright.tasks import task_named
from scalewright.training.trainer import DivergedError

# What workers call has to be importable by name, so these are other modules' functions.


@pytest.fixture(scope="module")
def executor():
    with LocalExecutor(2) as executor:
        yield executor


def test_each_job_is_answered_once(executor):
    assert sorted(executor.run(math.factorial, range(7))) == [(n, math.factorial(n)) for n in range(7)]


def test_ticks_are_heard(executor):
    heard = []
    list(executor.run(report, [("job", 3.0)], heard.append))
    list(executor.run(time.sleep, [0.1], heard.append))
    assert heard == [("job", 3.0)]


def test_a_failed_job_keeps_its_message(executor):
    with pytest.raises(InputError, match="chess"):
        list(executor.run(task_named, ["chess"]))


def test_a_diverged_run_says_so_after_the_way_from_its_worker():
    diverged = DivergedError("the loss is nan at step 3", what="the loss is nan", batch=7)
    again = pickle.loads(pickle.dumps(diverged))
    assert (str(again), again.what, again.batch) == (str(diverged), "the loss is nan", 7)


@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_is_begun_after_a_failure(tmp_path, workers):
    """Neither by a worker that outlives the signal to end, as trainings do to keep their work."""
    script = tmp_path / "study.py"
    script.write_text(STUDY)
    subprocess.run([sys.executable, script, tmp_path, str(workers)], check=True, timeout=120)
    assert sorted(path.name for path in tmp_path.glob("begun-*")) == [f"begun-{n}" for n in range(workers)]


STUDY = """
import signal, sys, time
from pathlib import Path
from scalewright.studies import LocalExecutor
def work(job):
    folder, number, workers = job
    signal.signal(signal.SIGTERM, lambda *_: None)
    (folder / f"begun-{number}").touch()
    while len(list(folder.glob("begun-*"))) < workers:
        time.sleep(0.05)
    if number == 0:
        raise ValueError
    time.sleep(2)
if __name__ == "__main__":
    workers = int(sys.argv[2])
    try:
        with LocalExecutor(workers) as executor:
            list(executor.run(work, [(Path(sys.argv[1]), number, workers) for number in range(6)]))
    except ValueError:
        sys.exit(0)
    sys.exit(1)
"""


def test_a_killed_worker_is_said():
    with LocalExecutor(1) as executor, pytest.raises(WorkError, match="worker process was killed"):
        list(executor.run(os._exit, [1]))


PARENT = """
import sys, time
from scalewright.studies import LocalExecutor
def work(path):
    import os
    open(path, "w").write(str(os.getpid()))
    time.sleep(60)
if __name__ == "__main__":
    with LocalExecutor(1) as executor:
        list(executor.run(work, [sys.argv[1]]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="parent death signals are Linux's")
def test_workers_die_with_a_killed_parent(tmp_path):
    script, pid_file = tmp_path / "parent.py", tmp_path / "pid"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, script, pid_file])
    until = time.monotonic() + 60
    while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    worker = int(pid_file.read_text())
    parent.kill()
    parent.wait()
    while _alive(worker) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _alive(worker)


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
