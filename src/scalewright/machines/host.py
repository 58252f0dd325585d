"""The host as the operating system tells it: processor, memory, and how busy others keep it."""

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

from scalewright.machines.cgroup import cpu_limit, memory_limit

_PROC = Path("/proc")
_CPUS = Path("/sys/devices/system/cpu")
BUSY = 0.10
"""Share of the processor in other hands above which what is timed is not this machine's."""


def cpu_model(cpuinfo: Path = _PROC / "cpuinfo") -> str:
    """Model of the processor, as its vendor writes it; the architecture where the system does not tell."""
    for line in _lines(cpuinfo):
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return " ".join(value.split())
    return platform.processor() or platform.machine() or "unknown"


MATRIX_FEATURES = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8",
                   "asimd", "asimdhp", "asimddp", "bf16", "i8mm", "sve", "sve2", "sme")  # fmt: skip
"""Instructions that matrix products use: of x86, and of ARM."""


def cpu_features(cpuinfo: Path = _PROC / "cpuinfo") -> tuple[str, ...]:
    """Those of `MATRIX_FEATURES` that the processor has; none where the system does not tell."""
    for line in _lines(cpuinfo):
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            found = set(value.split())
            return tuple(name for name in MATRIX_FEATURES if name in found)
    return ()


def cache_bytes(cpu: Path = _CPUS / "cpu0") -> tuple[int, ...]:
    """Sizes of the caches for data of the first processor, ascending; none where the system does not tell."""
    units = {"K": 2**10, "M": 2**20, "G": 2**30}
    sizes = {
        int(size[:-1]) * units[size[-1]]
        for path in cpu.glob("cache/index*")
        if _first_line(path / "type", default="Unified") != "Instruction"
        and (size := _first_line(path / "size", default="0K"))[-1] in units
    }
    return tuple(sorted(sizes - {0}))


def usable_cpus() -> frozenset[int]:
    """Numbers of the hardware threads that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def usable_threads() -> int:
    """How many threads this process can keep busy: its affinity, or its control group's quota if smaller."""
    quota = cpu_limit()
    threads = len(usable_cpus())
    return threads if quota is None else max(1, min(threads, int(quota)))


def usable_cores(cpus: Path = _CPUS) -> int:
    """How many physical cores the usable threads lie on, and no more than there are usable threads."""
    cores = {
        _first_line(cpus / f"cpu{cpu}" / "topology" / "thread_siblings_list", default=str(cpu)) for cpu in usable_cpus()
    }
    return min(len(cores), usable_threads())


def last_level_cache_bytes(cpu: Path = _CPUS / "cpu0") -> int:
    """Size of the largest cache of the first processor; 0 where the system does not tell."""
    return max(cache_bytes(cpu), default=0)


def usable_memory_bytes() -> int:
    """Main memory that this process may use: what is built in, or its control group's limit where smaller."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = memory_limit()
    return physical if limit is None else min(physical, limit)


@dataclass(frozen=True)
class CpuTime:
    """Seconds of processor time on the usable hardware threads; `own` are those of this process."""

    busy: float
    total: float
    own: float

    @classmethod
    def now(cls, stat: Path = _PROC / "stat") -> "CpuTime":
        """Reads the clocks; zeros where the system has no /proc/stat (proc(5))."""
        ticks = os.sysconf("SC_CLK_TCK")
        names = {f"cpu{cpu}" for cpu in usable_cpus()}
        busy = total = 0
        for line in _lines(stat):
            name, *fields = line.split()
            if name in names:
                # The two guest fields after these are counted in user and nice already.
                user, nice, system, idle, iowait, irq, softirq, steal = map(int, fields[:8])
                busy += user + nice + system + irq + softirq + steal
                total += user + nice + system + irq + softirq + steal + idle + iowait
        return cls(busy / ticks, total / ticks, time.process_time())

    def taken_by_others_since(self, start: "CpuTime", own: float | None = None) -> float | None:
        """Share of the processor's time since `start` that other processes took; None if none was counted.

        Args:
            start: Read before.
            own: Seconds of those that are no others; by default of this process alone.
        """
        total = self.total - start.total
        if total <= 0:
            return None
        others = (self.busy - start.busy) - (self.own - start.own if own is None else own)
        return min(max(others / total, 0.0), 1.0)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _first_line(path: Path, *, default: str) -> str:
    return next(iter(_lines(path)), default)
