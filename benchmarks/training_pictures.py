"""VGG16 on pictures: pictures/s in bf16 beside fp32, and what loading takes of a step, of pictures and of text."""

import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from measure import SHARED
from scalewright.architectures import Shape
from scalewright.architectures.vgg import VGGShape
from scalewright.data import prepare
from scalewright.data.prepare_pictures import prepare_pictures
from scalewright.machines.host import usable_threads
from scalewright.machines.precision import Precision
from scalewright.planning.recipe import Recipe
from scalewright.tasks import Prepared, Trainable, trainable_named
from scalewright.tasks.task import Batch
from scalewright.training import Trainer, Trunk
from unmeasured import UnmeasuredError, need_precision, this_machine

CLOTHING = SHARED / "images" / "clothing10" / "clothing10.tar"
NOVELS = SHARED / "text" / "english_novels_100" / "novels.tar.xz"
PIXELS, BATCH = 96, 32
STEPS, WARM, ROUNDS = 4, 2, 3
TEXT_STEPS = 100
BAR, LOADING_BAR = 1.5, 0.01


def picture_lines() -> Iterator[str]:
    """Both precisions in turn."""
    need_precision("bf16")
    with tempfile.TemporaryDirectory() as name:
        pictures, shape = _pictures(Path(name))
        seconds: dict[Precision, list[float]] = {"fp32": [], "bf16": []}
        for _ in range(ROUNDS):
            for precision, found in seconds.items():
                found += _steps("images", pictures, shape, precision, BATCH, STEPS)[0]
    fp32, bf16 = (np.median(found) for found in seconds.values())
    for precision, found in seconds.items():
        low, median, high = np.quantile(found, (0.25, 0.5, 0.75))
        spread = (high - low) / median
        yield f"VGG16, {PIXELS} pixels, batch {BATCH}, {precision}: {BATCH / median:.1f} pictures/s, spread {spread:.0%}"
    yield f"bf16 over fp32: {fp32 / bf16:.2f} (bar: {BAR})"


def loading_lines() -> Iterator[str]:
    """Of pictures and of text, each in the precision that runs fastest here."""
    precision = this_machine().precisions.advised
    with tempfile.TemporaryDirectory() as name:
        pictures, shape = _pictures(Path(name))
        yield _loading("pictures", *_steps("images", pictures, shape, precision, BATCH, ROUNDS * STEPS))
        text, shape = _text(Path(name))
        yield _loading("text", *_steps("language", text, shape, precision, 16, TEXT_STEPS))


def _loading(what: str, steps: list[float], waited: list[float]) -> str:
    shares = [wait / step for wait, step in zip(waited, steps, strict=True)]
    longest = f"at most {max(shares):.3%} of {len(shares)}"
    return f"waiting for {what}: {np.median(shares):.3%} of a step (bar: {LOADING_BAR:.0%}), {longest}"


def _pictures(folder: Path) -> tuple[Prepared, Shape]:
    if not CLOTHING.is_file():
        raise UnmeasuredError(f"{CLOTHING} is not there")
    pictures = prepare_pictures([CLOTHING], folder / "pictures", pixels=PIXELS)
    return pictures, VGGShape(classes=len(pictures.manifest.classes), pixels=PIXELS, hidden=(1024,), batch_norm=True)


def _text(folder: Path) -> tuple[Prepared, Shape]:
    if not NOVELS.is_file():
        raise UnmeasuredError(f"{NOVELS} is not there")
    with tarfile.open(NOVELS) as tar:
        tar.extractall(folder / "novels", filter="data")
    dataset = prepare([folder / "novels"], folder / "text", tokenizer="bpe:4096")
    return dataset, trainable_named("language").shape(dataset, {"width": 128, "context": 256, "depth": 4})


class _Clocked:
    """Batches, and how long a step waits for each."""

    def __init__(self, batch: Callable[[int], Batch]) -> None:
        self.batch = batch
        self.waited: list[float] = []

    def __call__(self, number: int) -> Batch:
        begun = time.perf_counter()
        found = self.batch(number)
        self.waited.append(time.perf_counter() - begun)
        return found


def _steps(
    task: str, dataset: Prepared, shape: Shape, precision: Precision, batch: int, count: int
) -> tuple[list[float], list[float]]:
    trainable: Trainable = trainable_named(task)
    threads = usable_threads()
    torch.set_num_threads(threads)
    recipe = Recipe(
        learning_rate=1e-4, base_width=shape.width, base_depth=1, batch_size=batch, warmup_steps=1, precision=precision
    )
    trunk = Trunk(task=task, shape=shape, recipe=recipe, data_hash="", seed=0, horizons=(1000,), threads=threads)
    trainer = Trainer(trunk, trainable, dataset, "cpu")
    clocked = _Clocked(trainer.batch)
    trainer.batch = clocked  # type: ignore[assignment]
    seconds, schedule = [], trunk.schedule(1000)
    for _ in range(WARM + count):
        spent = trainer.seconds
        trainer.advance(schedule)
        seconds.append(trainer.seconds - spent)
    return seconds[WARM:], clocked.waited[WARM:]
