"""The catalogue against data sheets, and entries of one's own."""

import pytest

from scalewright.errors import InputError
from scalewright.machines.catalogue import accelerators, find_accelerator

WANTED = {
    "V100-SXM-32GB", "T4", "A10G", "L4", "L40S", "A100-SXM-40GB", "A100-SXM-80GB", "H100-SXM", "H100-PCIe", "H200-SXM", "B200",
    "GB200", "RTX-3090", "RTX-4090", "RTX-5090", "MI250X", "MI300X", "MI325X", "MI355X", "TPU-v4", "TPU-v5e", "TPU-v5p",
    "TPU-v6e", "Trainium2", "Gaudi2", "Gaudi3", "M3-Max", "M4-Max",
}  # fmt: skip

OWN = """
[mine]
memory_gb = 24
bandwidth_gb_per_s = 800
tflops = { fp32 = 30, bf16 = 120 }
watts = 300
node = { devices = 2, link_gb_per_s = 30, network_gb_per_s = 3 }
"""


def test_it_holds_what_is_wanted():
    assert set(accelerators()) >= WANTED
    assert len(accelerators()) >= 25


@pytest.mark.parametrize(
    ("name", "precision", "rate", "memory", "bandwidth"),
    [
        ("A100", "bf16", 312e12, 80e9, 2039e9),  # NVIDIA A100 data sheet
        ("H100-SXM", "bf16", 989.4e12, 80e9, 3350e9),  # NVIDIA H100 white paper, dense
        ("V100", "fp16", 125e12, 32e9, 900e9),  # NVIDIA V100 data sheet
        ("TPU-v4", "bf16", 275e12, 32e9, 1228e9),  # Jouppi et al. 2023, arXiv:2304.01433
        ("MI300X", "bf16", 1307.4e12, 192e9, 5300e9),  # AMD MI300X data sheet
    ],
)
def test_figures_of_data_sheets(name, precision, rate, memory, bandwidth):
    device = find_accelerator(name)
    found = device.peak(precision), device.memory_bytes, device.bandwidth_bytes_per_second
    assert found == pytest.approx((rate, memory, bandwidth), rel=1e-3)


@pytest.mark.parametrize("device", accelerators().values(), ids=lambda device: device.name)
def test_every_entry_has_sources_and_is_plausible(device):
    assert device.sources["figures"]
    assert device.sources["links"]
    assert device.halves
    assert (device.usd_per_hour is None) or "assumed 20" in device.sources["price"]
    rates = device.flops_per_second
    assert rates[device.halves[0]] >= rates[device.full_precision]
    # A product of two matrices does more for each byte than memory gives: otherwise a unit of the table slipped.
    assert 10 < rates[device.halves[0]] / device.bandwidth_bytes_per_second < 1000


def test_names_are_unique_whatever_the_case():
    names = [name.casefold() for device in accelerators().values() for name in (device.name, *device.aliases)]
    assert len(names) == len(set(names))


def test_an_unknown_name_is_told_the_nearest():
    with pytest.raises(InputError, match="A100-SXM-80GB"):
        find_accelerator("A100-SXM-80")


def test_an_entry_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(OWN)
    device = find_accelerator(str(path))
    assert (device.name, device.peak("bf16"), device.node.devices) == ("mine", 120e12, 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[mine", "not TOML"),
        ("", "found 0 tables"),
        (OWN.replace("memory_gb = 24", ""), "has no memory_gb"),
        (OWN.replace("memory_gb = 24", "memory_gb = -1"), "memory_bytes"),
        (OWN.replace("memory_gb = 24", 'memory_gb = "24 GB"'), "expected a table with numbers"),
    ],
)
def test_an_entry_that_is_none(tmp_path, text, said):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as refused:
        find_accelerator(str(path))
    assert str(path) in str(refused.value)


def test_a_precision_that_it_has_not():
    with pytest.raises(InputError, match="V100-SXM-32GB: has no fp8"):
        find_accelerator("V100").peak("fp8")
