"""A short tuner: what pays on this machine for this model, measured on its own first steps."""

import gc
import math
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from scalewright.architectures import LlamaShape, Shape
from scalewright.documents import Part
from scalewright.machines.host import BUSY, CpuTime, cpu_model, usable_cores, usable_cpus
from scalewright.machines.processor import COMPILE_LAYER_SECONDS, COMPILE_SECONDS
from scalewright.machines.way import Way
from scalewright.models import ATTENTIONS, blocks
from scalewright.planning.machine_plan import Layout
from scalewright.tasks import Prepared, Trainable
from scalewright.training.configuration import Trunk
from scalewright.training.mesh import Mesh
from scalewright.training.timed_steps import timed_steps
from scalewright.training.trainer import DivergedError, Trainer

SHARE = 0.02
"""Of the training's time, as the first way that is timed would take, spent on finding a faster one at most; compiling aside."""
PAYS = 0.03
"""Share of a step that another way has to save: less is within the scatter of timings."""
_WARM, _STEPS, _SECONDS = 2, 3, 0.5
_PARTS_BYTES = 16 * 2**20
"""Of logits in fp32 from which on making them in parts is tried: they leave the caches."""
_LAYERS = 16  # where the shape has no depth: a VGG16's
_COMPILE_PAYS = 10
"""Times what compiling takes that a training must last for each time that it is tried."""


class Tuned(Part):
    """The choice, and how it was found.

    Attributes:
        tried: Each way that was timed, and its seconds of a step.
        seconds: That it took in all.
        taken_by_others: Share of the processor that other processes took before anything was compiled; None where the system
            does not tell.
        startup_seconds: What the choice took to compile.
        whole: Whether there was time for every way.
    """

    way: Way
    tried: tuple[tuple[Way, float], ...]
    seconds: float
    taken_by_others: float | None
    startup_seconds: float = 0.0
    whole: bool = True

    @property
    def trusted(self) -> bool:
        """Whether the machine was the training's own."""
        return self.taken_by_others is None or self.taken_by_others <= BUSY

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
    """Trunk and layout computed another way; micro-batches and threads of several processes stay, they follow from how many
    these are."""
    asked = trunk.model_copy(update=way.model_dump(exclude={"accumulation"}))
    laid: dict[str, Any] = {"compiled": way.compiled}
    if layout.devices == 1:
        laid |= {
            "threads": layout.threads and way.threads,
            "accumulation": way.accumulation,
            "micro_batch": -(-trunk.recipe.batch_size // way.accumulation),
        }
    return asked, layout.model_copy(update=laid)


def holds_for(trunk: Trunk, device: str, layout: Layout) -> dict[str, Any]:
    """What a choice holds for: this machine and software, and all of a model that its steps' time depends on."""
    name = torch.cuda.get_device_name(0) if device == "cuda" else f"{cpu_model()} {device}"
    recipe = trunk.recipe
    return {
        "machine": name,
        "asked": way_of(trunk, layout).model_dump(mode="json"),
        "layout": layout.model_dump(mode="json"),
        "frozen": trunk.start is not None and trunk.start.frozen,
        # Within a power of ten: longer trainings have more time for finding out.
        "steps": 10 ** len(str(trunk.horizons[-1])),
        "cores": usable_cores(),
        "torch": torch.__version__,
        "task": trunk.task,
        "shape": trunk.shape.model_dump(mode="json"),
        "batch_size": recipe.batch_size,
        "precision": recipe.precision,
        "optimiser": recipe.optimiser,
    }


def compiling_seconds(shape: Shape) -> float:
    """What compiling is taken to take where it was not timed."""
    return COMPILE_SECONDS + COMPILE_LAYER_SECONDS * getattr(shape, "depth", _LAYERS)


def compiling_pays(trunk: Trunk, seconds: float) -> bool:
    """Whether a training of so many seconds is long enough for compiling to be tried."""
    return seconds > _COMPILE_PAYS * compiling_seconds(trunk.shape)


def tune(
    trunk: Trunk,
    task: Trainable,
    dataset: Prepared,
    device: str,
    layout: Layout,
) -> Tuned | None:
    """The fastest of the ways to compute a trunk's steps; None where the training is too short to find out.

    One thing is changed at a time. What seems faster is kept where it stays so against the former way timed once more: on a
    machine whose clock drifts, once is no proof. Compiling comes last, where the training is long enough for it, and for each
    compiled way that is tried besides. Several processes find out together, and to the same.

    Args:
        trunk: As it would be trained otherwise; of one horizon.
        task: How to build and feed it.
        dataset: Its data.
        device: Torch device type.
        layout: On the processes that were started.
    """
    mesh = Mesh.of(layout, device)

    def slowest(seconds: float) -> float:
        return float(max(mesh.told(seconds)))

    search = _Search(lambda way: slowest(_step_seconds(way, trunk, task, dataset, device, layout, mesh)), slowest)
    steps, first = trunk.horizons[-1], way_of(trunk, layout)
    begun, before = time.perf_counter(), CpuTime.now()
    expected = steps * search.time(first)
    # What is left of it after this first way must be worth a second look.
    search.deadline = begun + SHARE * expected
    if not (math.isfinite(expected) and search.has_time_for(first)):
        return None
    way = first
    whole = (_threads, _attentions, _accumulations, _loss_parts, _memory)
    for candidates in whole if layout.devices == 1 else (_attentions, _memory):
        for candidate in candidates(way, trunk, device):
            if search.has_time_for(way) and search.faster(candidate, way):
                way = candidate
    # Before there are compilers, which are processes of their own.
    taken = _taken_by_others(before, mesh)
    startup = 0.0
    if not way.compiled and compiling_pays(trunk, expected):
        candidate = way.model_copy(update={"compiled": True})
        # Once tried it is compiled: what it took is spent.
        if search.faster(candidate, way):
            eager, way = way, candidate
            # Among compiled ways another one may be the fastest.
            for candidates in (_attentions, _accumulations) if layout.devices == 1 else (_attentions,):
                for candidate in candidates(way, trunk, device):
                    if compiling_pays(trunk, expected / (search.compilings + 2)) and search.faster(candidate, way):
                        way = candidate
            startup = max(0.0, search.took[way] - search.took[eager])
    return Tuned(
        way=way,
        startup_seconds=startup,
        tried=tuple((each, seconds) for each, seconds in search.tried.items() if math.isfinite(seconds)),
        seconds=time.perf_counter() - begun,
        taken_by_others=taken,
        whole=not search.cut,
    )


@dataclass
class _Search:
    """Ways that were timed: the least of their timings counts, for what disturbs a step makes it longer."""

    measure: Callable[[Way], float]
    slowest: Callable[[float], float]
    tried: dict[Way, float] = field(default_factory=dict)
    took: dict[Way, float] = field(default_factory=dict)  # to build, to warm up and to time, the first time
    deadline: float = math.inf
    cut: bool = False
    compilings: int = 0

    def has_time_for(self, way: Way) -> bool:
        """Whether another way, and this one once more, can be timed before the deadline, were both as slow as this one."""
        needed = 2 * max(_SECONDS, (_WARM + _STEPS) * self.tried[way])
        there = self.slowest(time.perf_counter() - self.deadline) <= -needed
        self.cut |= not there
        return there

    def time(self, way: Way) -> float:
        begun = time.monotonic()
        self.compilings += way.compiled
        seconds = self.measure(way)
        self.took.setdefault(way, time.monotonic() - begun)
        self.tried[way] = min(seconds, self.tried.get(way, seconds))
        return seconds

    def faster(self, candidate: Way, than: Way) -> bool:
        bound = 1 - PAYS
        if self.time(candidate) >= bound * self.tried[than]:
            return False
        again = self.time(than)
        return self.tried[candidate] < bound * min(again, self.tried[than])


def _step_seconds(
    way: Way, trunk: Trunk, task: Trainable, dataset: Prepared, device: str, layout: Layout, mesh: Mesh
) -> float:
    if way.compiled:
        torch.compiler.reset()
    asked, laid = going(way, trunk, layout)
    torch.set_num_threads(laid.threads or way.threads)
    # Whole batches; of weights that stay no loss leaps.
    whole = asked.recipe.model_copy(update={"first_batch_size": None, "batch_warmup_steps": 0, "spike": None})
    trainer = Trainer(asked.model_copy(update={"recipe": whole}), task, dataset, device, laid, mesh)
    try:
        return float(np.median(timed_steps(trainer, _SECONDS, least=_STEPS, warm=_WARM)))
    except DivergedError:
        # Of no concern here: training goes back and on without that batch.
        return math.inf
    except RuntimeError:
        # No compiler here, or none that knows this model: it is trained as before.
        if not way.compiled:
            raise
        return math.inf
    finally:
        # One model at a time is in memory.
        del trainer
        gc.collect()


def _taken_by_others(before: CpuTime, mesh: Mesh) -> float | None:
    """The largest share of a processor that others than these processes took."""
    now, here = CpuTime.now(), (platform.node(), sorted(usable_cpus()))
    own = sum(seconds for place, seconds in mesh.told((here, now.own - before.own)) if place == here)
    shares = [share for share in mesh.told(now.taken_by_others_since(before, own)) if share is not None]
    return max(shares, default=None)


def _threads(way: Way, trunk: Trunk, device: str) -> Iterator[Way]:
    if device == "cpu" and way.threads > 1:
        yield way.model_copy(update={"threads": way.threads // 2})


def _attentions(way: Way, trunk: Trunk, device: str) -> Iterator[Way]:
    # On accelerators the usual way is the fused one.
    if device == "cpu" and isinstance(trunk.shape, LlamaShape):
        for name in ATTENTIONS:
            if name != way.attention and (name != "blocks" or blocks(trunk.shape.context) > 1):
                yield way.model_copy(update={"attention": name})


def _accumulations(way: Way, trunk: Trunk, device: str) -> Iterator[Way]:
    # What is left out of them, and batch norm's rows, are those of a micro-batch: others would be another training.
    if trunk.recipe.dropout or not isinstance(trunk.shape, LlamaShape):
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
