from pathlib import Path

import pytest

from scalewright.machines.cgroup import cpu_limit, memory_limit


def write(root: Path, files: dict[str, str]) -> tuple[Path, Path]:
    """Writes files by path; the one named `membership` stands for /proc/self/cgroup."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root / "cgroup", root / "membership"


CASES = {
    "version 2, one group": (
        {
            "membership": "0::/",
            "cgroup/memory.max": "2147483648",
            "cgroup/cpu.max": "150000 100000",
        },
        2**31,
        1.5,
    ),
    "version 2, no limits": (
        {"membership": "0::/job", "cgroup/job/memory.max": "max", "cgroup/job/cpu.max": "max 100000"},
        None,
        None,
    ),
    "version 2, the ancestor's limits are smaller": (
        {
            "membership": "0::/user.slice/job",
            "cgroup/user.slice/job/memory.max": "4000000000",
            "cgroup/user.slice/job/cpu.max": "400000 100000",
            "cgroup/user.slice/memory.max": "1000000000",
            "cgroup/user.slice/cpu.max": "50000 100000",
            "cgroup/other.slice/memory.max": "1",
        },
        1_000_000_000,
        0.5,
    ),
    "version 2, named as the host sees it, limits at the container's root": (
        {"membership": "0::/docker/0a1b", "cgroup/memory.max": "500", "cgroup/cpu.max": "200000 100000"},
        500,
        2.0,
    ),
    "version 1": (
        {
            "membership": "9:name=systemd:/\n4:memory:/job\n2:cpu,cpuacct:/job\n1:cpuset:/job\n0::/",
            "cgroup/memory/job/memory.limit_in_bytes": "3000000000",
            "cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "250000",
            "cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000",
            "cgroup/cpuset/job/memory.limit_in_bytes": "7",
        },
        3_000_000_000,
        2.5,
    ),
    "version 1, no limit on the processor": (
        {
            "membership": "4:memory:/\n1:cpu:/",
            "cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
            "cgroup/cpu/cpu.cfs_quota_us": "-1",
            "cgroup/cpu/cpu.cfs_period_us": "100000",
        },
        9223372036854771712,
        None,
    ),
    "both versions at once": (
        {
            "membership": "4:memory:/job\n0::/job",
            "cgroup/memory/job/memory.limit_in_bytes": "800",
            "cgroup/unified/job/cpu.max": "100000 50000",
        },
        800,
        2.0,
    ),
    "no control groups": ({}, None, None),
}


@pytest.mark.parametrize("case", CASES)
def test_limits(tmp_path: Path, case: str) -> None:
    files, memory, processors = CASES[case]
    where = write(tmp_path, files)
    assert memory_limit(*where) == memory
    assert cpu_limit(*where) == processors
