"""Tokenising and writing beside `tokenizers` alone on all cores, and the memory that preparing takes as the text grows.

Both sides take the same text, 100 English novels, and the same tokenizer, in processes of their own, in turn.
"""

import json
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from measure import SHARED
from scalewright.data import load_tokenizer, prepare, train_bpe
from scalewright.data.dataset import TOKENIZER
from scalewright.data.preparation import Preparation
from scalewright.data.progress import unheard
from scalewright.data.shards import token_type
from scalewright.data.text_store import stored_documents
from scalewright.data.workers import Workers
from unmeasured import UnmeasuredError

NOVELS = SHARED / "text" / "english_novels_100" / "novels.tar.xz"
ROUNDS = 3
BAR = 0.8
"""Of the bytes a second of `tokenizers` alone."""
VOCABULARY = 4096
SHARES = (8, 4, 2, 1)
"""The text is cut to one part in so many for the table of memory."""


def prepare_lines() -> Iterator[str]:
    """Both tables."""
    if not NOVELS.is_file():
        raise UnmeasuredError(f"{NOVELS} is not there")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = _texts(NOVELS)
        _written(folder / "text", texts)
        tokenizer = folder / TOKENIZER
        tokenizer.write_text(train_bpe(texts, VOCABULARY).to_str())
        size = sum(len(text.encode()) for text in texts)
        found: dict[str, list[dict[str, float]]] = {"tokenizers": [], "prepare": []}
        for _ in range(ROUNDS):
            for side, answers in found.items():
                answers.append(_in_its_own(side, folder))
        alone = {what: median(answer[what] for answer in found["tokenizers"]) for what in ("seconds", "cpu")}
        yield "| side | MB/s, median | rounds | over tokenizers alone | bar | the same, by processor time |"
        yield "|" + " --- |" * 6
        for side, answers in found.items():
            each = ", ".join(f"{size / answer['seconds'] / 1e6:.2f}" for answer in answers)
            seconds, cpu = (median(answer[what] for answer in answers) for what in ("seconds", "cpu"))
            yield (
                f"| {side} | {size / seconds / 1e6:.2f} | {each} | {alone['seconds'] / seconds:.2f} "
                f"| {BAR if side == 'prepare' else ''} | {alone['cpu'] / cpu:.2f} |"
            )

        yield "| text, MB | documents | peak, main process, MB | largest of the others, MB |"
        yield "|" + " --- |" * 4
        for share in SHARES:
            part = texts[: len(texts) // share]
            _written(folder / f"part{share}", part)
            peak = _in_its_own("memory", folder / f"part{share}")
            size = sum(len(text.encode()) for text in part)
            yield f"| {size / 1e6:.1f} | {len(part)} | {peak['main'] / 1e6:.0f} | {peak['workers'] / 1e6:.0f} |"


def _texts(novels: Path) -> list[str]:
    with tarfile.open(novels) as tar:
        files = [tar.extractfile(member) for member in tar.getmembers() if member.name.endswith(".txt")]
        return [file.read().decode("utf-8-sig") for file in files if file]


def _written(folder: Path, texts: list[str]) -> None:
    folder.mkdir()
    for number, text in enumerate(texts):
        (folder / f"{number:03d}.txt").write_text(text)


def _in_its_own(side: str, folder: Path) -> dict[str, float]:
    answer = subprocess.run([sys.executable, __file__, side, folder], capture_output=True, text=True, check=True)
    return json.loads(answer.stdout.splitlines()[-1])


def _alone(folder: Path) -> dict[str, float]:
    # The text in memory, in batches of one megabyte or more; what is found is thrown away.
    tokenizer = load_tokenizer(folder / TOKENIZER)
    texts = [path.read_text() for path in sorted((folder / "text").iterdir())]
    start, cpu = time.perf_counter(), _cpu_seconds()
    for first in range(0, len(texts), 8):
        tokenizer.encode_batch_fast(texts[first : first + 8], add_special_tokens=False)
    return {"seconds": time.perf_counter() - start, "cpu": _cpu_seconds() - cpu}


def _cpu_seconds() -> float:
    # Of this process and of those that it has waited for: unlike the clock's, they are not shared with other programs.
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent)


def _ours(folder: Path) -> dict[str, float]:
    # The texts are in the store and the tokenizer is trained; processes are started, ids made, shards written and synced.
    with tempfile.TemporaryDirectory() as name:
        with Workers() as workers:
            work = Preparation(Path(name), workers)
            work.read([sorted((folder / "text").iterdir())], folder, unheard)
            documents, _ = stored_documents(work.folder, work.progress.documents)
            (work.dataset / TOKENIZER).write_bytes((folder / TOKENIZER).read_bytes())
            start, cpu = time.perf_counter(), _cpu_seconds()
            work.pack("train", documents, token_type(VOCABULARY), unheard)
            seconds = time.perf_counter() - start
        return {"seconds": seconds, "cpu": _cpu_seconds() - cpu}


def _memory(folder: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        prepare([folder], Path(name, "data"), tokenizer=f"bpe:{VOCABULARY}", processes=2)
    # The kernel's peak of this program alone: `getrusage` counts what lay in memory where it was started from.
    main = (
        next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
        * 1024
    )
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return {"main": main, "workers": workers}


if __name__ == "__main__":
    sides = {"tokenizers": _alone, "prepare": _ours, "memory": _memory}
    print(json.dumps(sides[sys.argv[1]](Path(sys.argv[2]))))
