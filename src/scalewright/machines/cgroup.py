"""Limits that Linux control groups put on a process, versions 1 and 2 (Linux: Documentation/admin-guide)."""

from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def memory_limit(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> int | None:
    """The smallest memory limit on this process, in bytes; None where there is none."""
    limits = [
        int(text)
        for folder in _folders(cgroups, membership, "memory")
        for name in ("memory.max", "memory.limit_in_bytes")
        if (text := _read(folder / name)).isdecimal()
    ]
    return min(limits, default=None)


def cpu_limit(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> float | None:
    """The smallest share of processor time that this process may use, in processors; None without a limit."""
    limits = []
    for folder in _folders(cgroups, membership, "cpu"):
        unified = _read(folder / "cpu.max").split()
        legacy = [_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")]
        for quota_and_period in (unified, legacy):
            # "max" and -1 stand for no limit.
            if len(quota_and_period) == 2 and all(text.isdecimal() for text in quota_and_period):
                quota, period = map(int, quota_and_period)
                limits.append(quota / period)
    return min(limits, default=None)


def _folders(cgroups: Path, membership: Path, controller: str) -> Iterator[Path]:
    """The folders whose limits hold for this process: its own group's and every ancestor's."""
    for line in _read(membership).splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            roots = [cgroups, cgroups / "unified"]
        elif controller in controllers.split(","):
            roots = [cgroups / controller, cgroups / controllers]
        else:
            continue
        # Inside a container the group is often named as the host sees it, while its limits lie at the root.
        own = Path(group.lstrip("/"))
        for root in roots:
            for part in (own, *own.parents):
                yield root / part


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
