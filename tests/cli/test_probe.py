"""`probe` as a user types it, alone and among several processes."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("torch")

from scalewright.machines import Machine


def test_a_quick_probe_is_kept_and_planned_with(call, tmp_path):
    path = tmp_path / "machine.json"
    code, out, error = call("probe", "--quick", "--device", "cpu", "--out", path, "--json")
    assert code == 0, error
    found = json.loads(out)
    assert {"matmul", "bandwidth", "memory", "links", "precisions"} <= found.keys()
    machine = Machine.load(path)
    assert found["bandwidth"] == {str(count): rate for count, rate in machine.bandwidth_bytes_per_second.items()}
    # Whatever else ran meanwhile.
    machine.model_copy(update={"trusted": True}).save(path)
    code, out, error = call("plan", "--law", "published:chinchilla", "--machine", path, "--hours", "0.1")
    assert code == 0, error
    assert machine.name in out


def test_a_disturbed_one_is_not_planned_with(call, refusal, tmp_path):
    path = tmp_path / "machine.json"
    call("probe", "--quick", "--device", "cpu", "--out", path)
    disturbed = {"trusted": False, "warnings": ("half of it was taken by others",)}
    Machine.load(path).model_copy(update=disturbed).save(path)
    said = refusal("plan", "--law", "published:chinchilla", "--machine", path, "--hours", "0.1")
    assert "half of it was taken by others" in said


def test_what_it_says(call, tmp_path):
    path = tmp_path / "machine.json"
    code, out, error = call("probe", "--quick", "--device", "cpu", "--out", path)
    assert code == 0
    assert "leave the machine idle" in error
    for said in ("elementwise work", "memory new from the system", "besides its arithmetic"):
        assert said in out
    products = Machine.load(path).matmul
    assert products
    for product in products:
        assert " x ".join(f"{edge:,}" for edge in product.shape) in out
        assert f"{product.flops_per_second / 1e9:,.4g}" in out


def test_a_device_that_is_none(refusal):
    assert "--device: found 'tpu', expected one of auto, cpu" in refusal("probe", "--device", "tpu")


@pytest.mark.slow
def test_several_processes_measure_their_communication(tmp_path):
    path = tmp_path / "machine.json"
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "scalewright", "probe"]
    answered = subprocess.run(
        [sys.executable, *command, "--quick", "--device", "cpu", "--json", "--out", str(path)],
        check=True, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    found = json.loads(answered.stdout)
    assert [each["kind"] for each in found["collectives"]] == ["all_reduce", "all_gather", "send"]
    for each in found["collectives"]:
        assert (each["ranks"], each["backend"]) == (2, "gloo")
        # Between a microsecond and a second, between 10 MB/s and a TB/s: processes of one machine.
        assert 1e-6 < each["latency_seconds"] < 1
        assert 1e7 < each["bytes_per_second"] < 1e12
    (link,) = Machine.load(path).links
    # Two ranks: what is reduced crosses the link once (Patarasuk & Yuan 2009).
    assert link.bytes_per_second == pytest.approx(found["collectives"][0]["bytes_per_second"])
