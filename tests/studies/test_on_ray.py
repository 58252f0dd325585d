"""A cluster of Ray's on this machine: answers, failures, files there and back, workers and nodes that are lost."""

import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from scalewright.errors import InputError, WorkError
from scalewright.studies import LocalExecutor, executor_named, on_ray
from scalewright.studies.executor import report
from scalewright.studies.on_ray import RayExecutor
from scalewright.studies.snapshots import read_snapshot
from scalewright.studies.work import TrunkJob, alone, train_job
from scalewright.tasks import task_named
from scalewright.training.checkpoint import read_tensors

from .conftest import ray_cluster
from .small_study import run_study

STEPS = 300

# Work defined inside a test goes to the workers by value; a module's functions have to be importable there.


@pytest.fixture(scope="module")
def executor(small_cluster):
    with RayExecutor(small_cluster.address) as executor:
        yield executor


@dataclass(frozen=True)
class Errand:
    """A job with a folder; `count` is a file in which each attempt leaves a mark."""

    folder: Path
    count: Path


def test_workers_are_the_cluster_s_cpus(executor):
    assert executor.workers == 2


def test_each_job_is_answered_once(executor):
    assert sorted(executor.run(math.factorial, range(7))) == [(n, math.factorial(n)) for n in range(7)]


def test_ticks_are_heard(executor):
    heard = []
    list(executor.run(report, [("job", 3.0)], heard.append))
    list(executor.run(time.sleep, [0.4], heard.append))
    assert heard == [("job", 3.0)]


def test_a_job_that_fails_by_itself_is_not_tried_again(executor, tmp_path):
    with pytest.raises(InputError, match="chess"):
        list(executor.run(task_named, ["chess"]))

    def refuse(path):
        from scalewright.errors import WorkError

        with open(path, "a") as file:
            file.write("tried\n")
        raise WorkError("the loss is nan")

    with pytest.raises(WorkError, match="the loss is nan"):
        list(executor.run(refuse, [str(tmp_path / "count")]))
    assert (tmp_path / "count").read_text() == "tried\n"
    with pytest.raises(ZeroDivisionError):
        list(executor.run(lambda n: 1 // n, [0]))


def test_a_lost_job_goes_on_from_what_came_back(executor, tmp_path):
    def begin_and_die(job):
        import os
        import time

        state = job.folder / "state"
        if state.exists():
            return state.read_text(), str(job.folder)
        state.write_text("half way")
        time.sleep(2)
        os._exit(1)

    errand = Errand(tmp_path / "run", tmp_path / "count")
    [(job, (found, place))] = executor.run(begin_and_die, [errand])
    assert job == errand
    assert found == "half way"
    assert not place.startswith(str(tmp_path))
    assert (errand.folder / "state").read_text() == "half way"


def test_a_job_lost_time_and_again_is_named(small_cluster, executor, tmp_path):
    def die(job):
        import os

        with job.count.open("a") as file:
            file.write("x")
        os._exit(1)

    errand = Errand(tmp_path / "run7", tmp_path / "count")
    executor.attempts = 2
    with pytest.raises(WorkError, match=r"run run7: lost 2 times .* killed"):
        list(executor.run(die, [errand]))
    executor.attempts = on_ray.ATTEMPTS
    assert errand.count.read_text() == "xx"
    with alone(errand.folder):
        pass


def test_trunks_end_as_they_do_here(small_cluster, executor, trunk, dataset, tmp_path, monkeypatch):
    trunks = [trunk((8, 20), seed=seed) for seed in range(3)]
    here = [TrunkJob(each, dataset.folder, tmp_path / "here" / each.address, 15.0) for each in trunks]
    there = [TrunkJob(each, dataset.folder, tmp_path / "there" / each.address, 15.0) for each in trunks]
    found = {job.trunk.address: measured for job, measured in executor.run(train_job, there, lambda tick: None)}
    for mine, other in zip(here, there, strict=True):
        expected = train_job(mine)
        assert [one.loss for one in found[mine.trunk.address]] == [one.loss for one in expected]
        assert [one.curve for one in found[mine.trunk.address]] == [one.curve for one in expected]
        assert read_snapshot(other.folder).keys() == read_snapshot(mine.folder).keys()
        weights = [read_tensors(job.folder / "weights") for job in (mine, other)]
        assert weights[0].keys() == weights[1].keys()
        assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    kept = [list(place.glob("scalewright-*/data/*/manifest.json")) for place in small_cluster.places]
    assert [len(of_node) for of_node in kept] == [1, 1], "a dataset on each node, once"
    assert not [left for place in small_cluster.places for left in place.glob("scalewright-*/runs/*")]

    def sent(*_):
        raise AssertionError("a finished run was sent")

    monkeypatch.setattr(executor, "_send", sent)
    again = {job.trunk.address: measured for job, measured in executor.run(train_job, there, lambda tick: None)}
    assert again == found


def test_a_run_that_another_process_trains_is_left_alone(executor, tmp_path):
    errand = Errand(tmp_path / "run", tmp_path / "count")
    with alone(errand.folder), pytest.raises(WorkError, match="another process is training"):
        list(executor.run(str, [errand]))


def test_a_job_larger_than_every_node_is_refused(executor):
    @dataclass(frozen=True)
    class Large:
        threads: int = 1
        gpus: int = 0

    with pytest.raises(InputError, match="64 CPUs for each run, found nodes with 1 CPUs and 0 GPUs"):
        list(executor.run(str, [Large(threads=64)]))
    with pytest.raises(InputError, match="1 CPUs and 1 GPUs for each run"):
        list(executor.run(str, [Large(gpus=1)]))


@pytest.mark.parametrize("address", ["elsewhere", "host:port", "http://host:6379", "ray://host"])
def test_an_address_that_is_none(address):
    with pytest.raises(InputError, match="expected local, auto, HOST:PORT or ray://HOST:PORT"):
        executor_named(address, None, 2)


def test_an_address_where_nobody_answers(monkeypatch):
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(on_ray, "ANSWER_SECONDS", 0.5)
    with pytest.raises(InputError, match="no Ray cluster answers"):
        executor_named("127.0.0.1:9", None, 2)


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"ray is not installed: pip install scalewright\[cluster\]"):
        executor_named("auto", None, 2)


def test_local_is_this_machine():
    with executor_named("local", None, 3) as executor:
        assert isinstance(executor, LocalExecutor)
        assert executor.workers == 3


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, dataset):
    """Losses of the small study by run, trained here."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with LocalExecutor(2) as executor:
        return run_study(executor, dataset, folder / "ledger.db", folder / "runs", STEPS)


@pytest.mark.slow
def test_through_the_client(dataset, undisturbed, tmp_path):
    with (
        ray_cluster(tmp_path, 0, 1, 1, ray_client_server_port=23871),
        executor_named("ray://127.0.0.1:23871", None, 2) as executor,
    ):
        found = run_study(executor, dataset, tmp_path / "ledger.db", tmp_path / "runs", STEPS)
    assert found == undisturbed


@pytest.mark.slow
def test_a_node_removed_in_the_middle(dataset, undisturbed, where, tmp_path):
    removed, begun = [], set()
    with ray_cluster(tmp_path, 1, 1) as small, RayExecutor(small.address) as executor:
        run = executor.run

        def run_and_remove(work, jobs, heard):
            def hear(tick):
                # Two runs are under way, and one of them is on the node that goes.
                begun.add(tick[0])
                if not removed and len(begun) == 2:
                    removed.append(tick)
                    small.cluster.remove_node(small.nodes[1], allow_graceful=False)
                heard(tick)

            yield from run(work, jobs, hear)

        executor.run = run_and_remove
        assert run_study(executor, dataset, where, tmp_path / "runs", STEPS) == undisturbed
        # The head counts a node as lost some heartbeats later: on a busy machine the study may end before.
        begun_waiting = time.monotonic()
        while sum(node["Alive"] for node in executor._ray.nodes()) > 1 and time.monotonic() < begun_waiting + 60:
            time.sleep(0.5)
        assert sum(node["Alive"] for node in executor._ray.nodes()) == 1
    assert removed
    assert len(list((tmp_path / "runs").glob("*/weights/step-*"))) == 4
