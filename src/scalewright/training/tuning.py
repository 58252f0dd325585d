"""A short tuner: what pays on this machine for this model, measured on its own first steps."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from scalewright.documents import Part
from scalewright.machines.host import cpu_model, usable_cores
from scalewright.machines.processor import COMPILE_LAYER_SECONDS, COMPILE_SECONDS
from scalewright.models import ATTENTIONS, AttentionName
from scalewright.planning.machine_plan import Layout
from scalewright.tasks import Prepared, Trainable
from scalewright.training.configuration import Trunk
from scalewright.training.memory import keep_memory
from scalewright.training.trainer import Trainer

SHARE = 0.02
"""Of the training's time, as the first way that is timed would take, is spent on finding a faster one at most."""
PAYS = 0.03
"""Share of a step that another way has to save: less is within the scatter of timings."""
_WARM, _STEPS, _SECONDS = 2, 3, 0.5
_PARTS_BYTES = 16 * 2**20
"""Of logits in fp32 from which on making them in parts is tried: they leave the caches."""
_LAYERS = 16  # where the shape has no depth: a VGG16's
_COMPILE_PAYS = 10
"""Times what compiling takes that a training must last for it to be tried."""


class Way(Part):
    """How steps are computed: what changes their time, and their numbers' last digits, and nothing else."""

    threads: int
    compiled: bool = False
    attention: AttentionName = "usual"
    loss_parts: int = 1
    accumulation: int = 1
    keeps_memory: bool = True

    def __str__(self) -> str:
        logits = f", logits in {self.loss_parts} parts" if self.loss_parts > 1 else ""
        memory = "" if self.keeps_memory else ", freed memory given back"
        return (
            f"{'compiled' if self.compiled else 'eager'}, {self.threads} threads, attention {self.attention}, "
            f"{self.accumulation} micro-batches{logits}{memory}"
        )


class Tuned(Part):
    """The choice, each way that was timed with its seconds of a step, and the seconds that it took in all."""

    way: Way
    tried: tuple[tuple[Way, float], ...]
    seconds: float

    @property
    def saved(self) -> float:
        """Share of a step that the choice saves over the first way."""
        times = dict(self.tried)
        return 1 - times[self.way] / self.tried[0][1]


def way_of(trunk: Trunk, layout: Layout) -> Way:
    """How a trunk is computed as it stands."""
    return Way(
        threads=trunk.threads,
        compiled=trunk.compiled,
        attention=trunk.attention,
        loss_parts=trunk.loss_parts,
        accumulation=layout.accumulation,
        keeps_memory=trunk.keeps_memory,
    )


def going(way: Way, trunk: Trunk, layout: Layout) -> tuple[Trunk, Layout]:
    """Trunk and layout computed another way."""
    fields = way.model_dump(exclude={"accumulation"})
    micro_batch = -(-trunk.recipe.batch_size // way.accumulation)
    laid = {"threads": layout.threads and way.threads, "compiled": way.compiled, "accumulation": way.accumulation}
    return trunk.model_copy(update=fields), layout.model_copy(update=laid | {"micro_batch": micro_batch})


def holds_for(trunk: Trunk, device: str) -> dict[str, Any]:
    """What a choice holds for: this machine and software, and all of a model that its steps' time depends on."""
    name = cpu_model() if device == "cpu" else torch.cuda.get_device_name(0)
    recipe = trunk.recipe
    return {
        "machine": name,
        "cores": usable_cores(),
        "torch": torch.__version__,
        "task": trunk.task,
        "shape": trunk.shape.model_dump(mode="json"),
        "batch_size": recipe.batch_size,
        "precision": recipe.precision,
        "optimiser": recipe.optimiser,
    }


def tune(trunk: Trunk, task: Trainable, dataset: Prepared, device: str, layout: Layout) -> Tuned | None:
    """The fastest of the ways to compute a trunk's steps on one process; None where the training is too short to find out.

    One thing is changed at a time. What seems faster is kept where it stays so against the former way timed once more: on a
    machine whose clock drifts, once is no proof. Compiling comes last, where the training is long enough for it.

    Args:
        trunk: As it would be trained otherwise; of one horizon.
        task: How to build and feed it.
        dataset: Its data.
        device: Torch device type.
        layout: Of one process.
    """
    search = _Search(lambda way: _step_seconds(way, trunk, task, dataset, device, layout))
    steps = trunk.horizons[-1]
    first = way_of(trunk, layout)
    begun = time.perf_counter()
    expected = steps * search.time(first)
    # What is left of it after this first way must be worth a second look.
    search.deadline = begun + SHARE * expected
    if search.late:
        return None
    way = first
    for candidates in (_threads, _attentions, _accumulations, _loss_parts, _memory):
        for candidate in candidates(way, trunk, device):
            if not search.late and search.faster(candidate, way):
                way = candidate
    if not way.compiled and expected > _COMPILE_PAYS * _compiling(trunk) and not search.late:
        candidate = way.model_copy(update={"compiled": True})
        # Once tried it is compiled: what it took is spent.
        way = candidate if search.faster(candidate, way) else way
    keep_memory(way.keeps_memory)
    return Tuned(way=way, tried=tuple(search.tried.items()), seconds=time.perf_counter() - begun)


@dataclass
class _Search:
    """Ways that were timed: the least of their timings counts, for what disturbs a step makes it longer."""

    measure: Callable[[Way], float]
    tried: dict[Way, float] = field(default_factory=dict)
    deadline: float = float("inf")

    @property
    def late(self) -> bool:
        return time.perf_counter() > self.deadline

    def time(self, way: Way) -> float:
        seconds = self.measure(way)
        self.tried[way] = min(seconds, self.tried.get(way, seconds))
        return seconds

    def faster(self, candidate: Way, than: Way) -> bool:
        bound = 1 - PAYS
        if self.time(candidate) >= bound * self.tried[than]:
            return False
        again = self.time(than)
        return self.tried[candidate] < bound * min(again, self.tried[than])


def _step_seconds(way: Way, trunk: Trunk, task: Trainable, dataset: Prepared, device: str, layout: Layout) -> float:
    torch.set_num_threads(way.threads)
    if way.compiled:
        torch.compiler.reset()
    asked, laid = going(way, trunk, layout)
    trainer = Trainer(asked, task, dataset, device, laid)
    schedule = asked.schedule(asked.horizons[-1])
    for _ in range(_WARM):
        trainer.advance(schedule)
    seconds: list[float] = []
    while len(seconds) < _STEPS or sum(seconds) < _SECONDS:
        spent = trainer.seconds
        trainer.advance(schedule)
        seconds.append(trainer.seconds - spent)
    return float(np.median(seconds))


def _threads(way: Way, trunk: Trunk, device: str) -> Iterator[Way]:
    if device == "cpu" and way.threads > 1:
        yield way.model_copy(update={"threads": way.threads // 2})


def _attentions(way: Way, trunk: Trunk, device: str) -> Iterator[Way]:
    # On accelerators the usual way is the fused one.
    if device == "cpu" and hasattr(trunk.shape, "head_size"):
        for name in ATTENTIONS:
            if name != way.attention:
                yield way.model_copy(update={"attention": name})


def _accumulations(way: Way, trunk: Trunk, device: str) -> Iterator[Way]:
    # Batch norm's rows are those of a micro-batch: another number of them would be another training.
    if getattr(trunk.shape, "batch_norm", False):
        return
    for times in (2, 4):
        if trunk.recipe.batch_size % (times * way.accumulation) == 0:
            yield way.model_copy(update={"accumulation": times * way.accumulation})


def _loss_parts(way: Way, trunk: Trunk, device: str) -> Iterator[Way]:
    vocabulary = getattr(trunk.shape, "vocabulary", 0)
    size = 4 * vocabulary * trunk.tokens_per_step // way.accumulation
    if size > _PARTS_BYTES:
        yield from (way.model_copy(update={"loss_parts": parts}) for parts in (4, 16))


def _memory(way: Way, trunk: Trunk, device: str) -> Iterator[Way]:
    if device == "cpu":
        yield way.model_copy(update={"keeps_memory": not way.keeps_memory})


def _compiling(trunk: Trunk) -> float:
    return COMPILE_SECONDS + COMPILE_LAYER_SECONDS * getattr(trunk.shape, "depth", _LAYERS)
