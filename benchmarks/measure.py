"""What every benchmark needs: an idle machine, and results that are kept with the sources they depend on."""

import ast
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "src" / "scalewright"
RESULTS = ROOT / "benchmarks" / "results"
SHARED = ROOT.parent / "shared" / "data"


def sources_hash(entries: Sequence[str | Path], without: Sequence[str | Path] = ()) -> str:
    """Hash of the code on which a result depends: these files, all in these rooms, and what they import of ours.

    Comments, docstrings and layout are not code; a table of the same name beside a module is. `without` names rooms and modules
    that are not looked into.
    """
    left = [path for entry in entries for path in _files(entry)]
    aside = {path for entry in without for path in _files(entry)}
    found: set[Path] = set()
    while left:
        path = left.pop()
        if path not in found and path not in aside:
            found.add(path)
            left += _imported(path)
    digest = hashlib.sha256()
    for path in sorted(found):
        digest.update(_code(path).encode())
        if (table := path.with_suffix(".toml")).is_file():
            digest.update(table.read_bytes())
    return digest.hexdigest()[:16]


def _files(entry: str | Path) -> list[Path]:
    found = entry if isinstance(entry, Path) else SOURCES / entry
    return sorted(found.rglob("*.py")) if found.is_dir() else [found]


def _imported(path: Path) -> Iterator[Path]:
    # Our modules that a file imports from, those of the benchmark among them.
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield from _where(node.module, alias.name)


def _where(module: str, name: str) -> Iterator[Path]:
    # Where a name comes from: a package hands on what its modules define.
    first, *rest = module.split(".")
    place = SOURCES.joinpath(*rest) if first == SOURCES.name else ROOT / "benchmarks" / first
    if place.with_suffix(".py").is_file():
        yield place.with_suffix(".py")
    elif place.is_dir():
        handed_on = [
            (node.module, alias.name)
            for node in ast.walk(ast.parse((place / "__init__.py").read_text()))
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
            if (alias.asname or alias.name) == name
        ]
        if handed_on:
            yield from _where(*handed_on[0])
        else:
            yield from _files(place / f"{name}.py") if (place / f"{name}.py").is_file() else [place / "__init__.py"]


def _code(path: Path) -> str:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not _is_text(part)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def taken_by_others(seconds: float = 1.0) -> float:
    """Share of the processors' time that other processes take, over `seconds`."""

    def busy() -> int:
        user, nice, system, _, _, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:])
        return user + nice + system + irq + softirq

    before, own = busy(), time.process_time()
    time.sleep(seconds)
    ticks = os.sysconf("SC_CLK_TCK") * seconds * (os.cpu_count() or 1)
    return max(0.0, (busy() - before - (time.process_time() - own) * os.sysconf("SC_CLK_TCK")) / ticks)


def say_idleness() -> float:
    """Prints how idle the machine is, and returns the share that others take."""
    share = taken_by_others()
    print(f"other processes take {share:.1%} of the processors" + ("" if share < 0.05 else ": NOT IDLE"), flush=True)
    return share


@contextmanager
def own_processor() -> Iterator[None]:
    """Keeps this process and its children on one processor, which no other benchmark takes meanwhile."""
    all_of_them = os.sched_getaffinity(0)
    RESULTS.mkdir(parents=True, exist_ok=True)
    while True:
        for processor in sorted(all_of_them):
            with (RESULTS / f"processor-{processor}.lock").open("w") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    continue
                os.sched_setaffinity(0, {processor})
                try:
                    yield
                finally:
                    os.sched_setaffinity(0, all_of_them)
                return
        time.sleep(1.0)


def median_seconds(work: Callable[[], object], times: int) -> float:
    """Median wall-clock time of some work."""
    seconds = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return median(seconds)
