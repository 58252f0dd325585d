"""Which machines `run` takes from a file."""

import pytest

from scalewright.documents import Reason
from scalewright.errors import InputError
from scalewright.machines import Device, Machine, Matmul, Precisions
from scalewright.pipeline.machine_file import trainable_here


def machine(kind):
    return Machine(
        name="some",
        cpu="some",
        cores=2,
        threads=2,
        memory_bytes=2**33,
        devices=(Device(kind=kind, name="some", count=1, memory_bytes=2**33),),
        matmul=(Matmul(dtype="fp32", shape=(64, 64, 64), size=64, flops_per_second=1e11, spread=0.02, repeats=9),),
        bandwidth_bytes_per_second={1: 20e9},
        links=(),
        precisions=Precisions(usable=("fp32",), advised="fp32"),
        taken_by_others=0.0,
        quick=True,
        measured_at="2026-01-01T00:00:00+00:00",
        software={},
        warnings=(),
        reasons={"precisions": Reason(origin="measured", text="2.1x")},
    )


def test_a_processor_is_taken(tmp_path):
    path = tmp_path / "machine.json"
    machine("cpu").save(path)
    assert trainable_here(path) == machine("cpu")


def test_an_accelerator_is_refused_for_its_rates_are_not_the_processors(tmp_path):
    path = tmp_path / "machine.json"
    machine("cuda").save(path)
    with pytest.raises(InputError, match=r"machine\.json: found a device of kind cuda, expected cpu"):
        trainable_here(path)
