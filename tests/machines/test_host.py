from pathlib import Path

import pytest

from scalewright.machines import host
from scalewright.machines.host import CpuTime


def test_cpu_model(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD  EPYC 9R14\n\nmodel name\t: another\n")
    assert host.cpu_model(cpuinfo) == "AMD EPYC 9R14"
    assert host.cpu_model(tmp_path / "absent")


@pytest.mark.parametrize(
    ("cpus", "quota", "threads"), [(8, None, 8), (8, 2.0, 2), (8, 2.9, 2), (8, 0.5, 1), (4, 64.0, 4)]
)
def test_usable_threads(monkeypatch: pytest.MonkeyPatch, cpus: int, quota: float | None, threads: int) -> None:
    monkeypatch.setattr(host, "usable_cpus", lambda: frozenset(range(cpus)))
    monkeypatch.setattr(host, "cpu_limit", lambda: quota)
    assert host.usable_threads() == threads


def test_usable_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Two threads a core: 0 and 2 share one, 1 and 3 the other.
    for cpu, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(siblings + "\n")
    monkeypatch.setattr(host, "cpu_limit", lambda: None)
    for usable, cores in (({0, 1, 2, 3}, 2), ({0, 2}, 1), ({0, 1}, 2)):
        monkeypatch.setattr(host, "usable_cpus", lambda usable=usable: frozenset(usable))
        assert host.usable_cores(tmp_path) == cores
    monkeypatch.setattr(host, "usable_cpus", lambda: frozenset({0, 1, 2, 3}))
    assert host.usable_cores(tmp_path / "absent") == 4


def test_last_level_cache(tmp_path: Path) -> None:
    for index, size in enumerate(("32K", "32K", "1024K", "36M")):
        folder = tmp_path / "cache" / f"index{index}"
        folder.mkdir(parents=True)
        (folder / "size").write_text(size + "\n")
    assert host.last_level_cache_bytes(tmp_path) == 36 * 2**20
    assert host.last_level_cache_bytes(tmp_path / "absent") == 0


def test_caches_for_data_by_size(tmp_path: Path) -> None:
    for index, (size, kind) in enumerate(
        (("32K", "Data"), ("64K", "Instruction"), ("1M", "Unified"), ("36M", "Unified"))
    ):
        folder = tmp_path / "cache" / f"index{index}"
        folder.mkdir(parents=True)
        (folder / "size").write_text(size + "\n")
        (folder / "type").write_text(kind + "\n")
    assert host.cache_bytes(tmp_path) == (32 * 2**10, 2**20, 36 * 2**20)
    assert host.cache_bytes(tmp_path / "absent") == ()


@pytest.mark.parametrize(
    ("line", "features"),
    [
        ("flags\t\t: fpu avx2 fma avx512_bf16 amx_bf16", ("avx2", "fma", "avx512_bf16", "amx_bf16")),
        ("Features\t: fp asimd bf16 i8mm", ("asimd", "bf16", "i8mm")),
        ("model name\t: avx2", ()),
    ],
)
def test_features_of_matrix_products(tmp_path: Path, line: str, features: tuple[str, ...]) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{line}\n")
    assert host.cpu_features(tmp_path / "cpuinfo") == features


@pytest.mark.parametrize(("limit", "expected"), [(None, 4096 * 1000), (5000, 5000), (2**62, 4096 * 1000)])
def test_usable_memory(monkeypatch: pytest.MonkeyPatch, limit: int | None, expected: int) -> None:
    system = {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr("os.sysconf", system.__getitem__)
    monkeypatch.setattr(host, "memory_limit", lambda: limit)
    assert host.usable_memory_bytes() == expected


def test_cpu_time_counts_the_usable_threads_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text(
        "cpu  999 999 999 999 999 999 999 999 999 999\n"
        "cpu0 100 20 30 400 50 6 7 8 90 0\n"
        "cpu1 10 0 0 90 0 0 0 0 0 0\n"
        "cpu2 7777 0 0 0 0 0 0 0 0 0\n"
        "intr 1 2 3\n"
    )
    monkeypatch.setattr(host, "usable_cpus", lambda: frozenset({0, 1}))
    monkeypatch.setattr("os.sysconf", lambda name: 100)
    now = CpuTime.now(stat)
    # Idle and waiting for disks are not busy; time stolen by other guests is; guest time is within user time.
    assert now.busy == pytest.approx((100 + 20 + 30 + 6 + 7 + 8 + 10) / 100)
    assert now.total == pytest.approx((100 + 20 + 30 + 400 + 50 + 6 + 7 + 8 + 10 + 90) / 100)


@pytest.mark.parametrize(
    ("busy", "total", "own", "share"),
    [
        (6.0, 20.0, 6.0, 0.0),
        (8.0, 20.0, 3.0, 0.25),
        (20.0, 20.0, 0.0, 1.0),
        # The two clocks tick at different rates: never below none.
        (5.99, 20.0, 6.0, 0.0),
        (0.0, 0.0, 1.0, None),
    ],
)
def test_share_taken_by_others(busy: float, total: float, own: float, share: float | None) -> None:
    start = CpuTime(busy=100.0, total=1000.0, own=10.0)
    assert CpuTime(100.0 + busy, 1000.0 + total, 10.0 + own).taken_by_others_since(start) == pytest.approx(share)


def test_without_proc_nothing_is_claimed(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    assert CpuTime.now(absent).taken_by_others_since(CpuTime.now(absent)) is None


def test_processes_that_work_together_are_no_others():
    before, now = CpuTime(busy=0.0, total=0.0, own=0.0), CpuTime(busy=1.3, total=2.0, own=0.4)
    assert now.taken_by_others_since(before) == pytest.approx(0.45)
    assert now.taken_by_others_since(before, own=0.4 + 0.9) == 0.0
