"""The tuner's choice: found once for a machine and a model, remembered in the ledger, and frozen beside the run."""

from pathlib import Path
from typing import Any, ClassVar

from scalewright.documents import Document
from scalewright.files import content_hash
from scalewright.ledger import Ledger, Tuning
from scalewright.machines.way import Way
from scalewright.pipeline.processes import Started
from scalewright.pipeline.watch import Watch
from scalewright.planning.machine_plan import Layout
from scalewright.tasks import Prepared, Trainable
from scalewright.training import Trunk
from scalewright.training.tuning import Tuned, compiling_pays, compiling_seconds, going, holds_for, tune, way_of


class FrozenWay(Document):
    """`ways/ADDRESS.json` beside a run: how its steps are computed, from its first call on."""

    KIND: ClassVar[str] = "tuner's choice"

    way: Way


def tuned(
    trunk: Trunk,
    task: Trainable,
    dataset: Prepared,
    out: Path,
    *,
    layout: Layout,
    device: str,
    ledger: str | Path,
    started: Started,
    measure: bool,
    watch: Watch,
) -> tuple[Trunk, Layout]:
    """Trunk and layout computed as is fastest here, as far as is known or worth finding out.

    A run that is gone on with is computed as it was begun: whatever the ledger has learnt since, on another machine, with
    another number of processes.

    Args:
        trunk: As asked for.
        task: How to build and feed it.
        dataset: Its data.
        out: Folder of the run.
        layout: As asked for.
        device: Torch device type.
        ledger: Path or URL.
        started: The processes; several compute as asked.
        measure: Whether to find out what is not known.
        watch: Hears of it.
    """
    # What the machine decides is no part of what was asked for.
    asked = content_hash([trunk.model_copy(update={"threads": 1}).address, layout.accumulation, layout.recompute])
    path = out / "ways" / f"{asked}.json"
    found: dict[str, Any] | None = None
    if started.first:
        if path.exists():
            way = FrozenWay.load(path).way
        else:
            way = way_of(trunk, layout)
            if measure and started.processes == 1:
                with Ledger.open(ledger) as opened:
                    known = known_or_tuned(
                        trunk, task, dataset, layout=layout, device=device, ledger=opened, watch=watch
                    )
                way = way if known is None else known.way
            FrozenWay(way=way).save(path)
        found = way.model_dump(mode="json")
    way = Way.model_validate(started.agreed(found))
    begun, alone = going(way, trunk, layout)
    # Micro-batches and threads of several follow from how many they are; the address from how the run was begun.
    return begun, alone if started.processes == 1 else layout


def known_or_tuned(
    trunk: Trunk, task: Trainable, dataset: Prepared, *, layout: Layout, device: str, ledger: Ledger, watch: Watch
) -> Tuned | None:
    """What the ledger knows to be fastest on this machine for a model, or what is found out now and recorded; None where a
    training is too short for that, or the machine is not its own.

    Args:
        trunk: As asked for, of one process.
        task, dataset, layout, device: as for `tune`.
        ledger: Where it is remembered.
        watch: Hears of it.
    """
    asked, about = way_of(trunk, layout), holds_for(trunk, device, layout)
    key = content_hash(about)
    row = ledger.tuning(key)
    if row is not None:
        known = _known(row, trunk, asked)
        watch.say(f"way: measured before, {row.created_at[:10]}: {known.way}")
        return known
    watch.stage("tune", "timing what pays here")
    found = tune(trunk, task, dataset, device, layout)
    if found is None:
        watch.say(f"way: as asked, the training is too short to time others: {asked}")
        return None
    if not found.trusted:
        watch.warn(
            f"others took {found.taken_by_others:.0%} of the processor: what is fastest here was not to be told; trained as "
            f"asked: {asked}"
        )
        return None
    watch.say(
        f"way: measured: {found.way}: {found.saved:.0%} less time than as asked, of {len(found.tried)} ways timed in "
        f"{found.seconds:.0f} s"
    )
    if found.whole:
        ledger.record_tuning(
            Tuning(
                id=key,
                about=about,
                way=found.way.model_dump(mode="json"),
                tried=[[each.model_dump(mode="json"), seconds] for each, seconds in found.tried],
                seconds=found.seconds,
            )
        )
    return found


def _known(row: Tuning, trunk: Trunk, asked: Way) -> Tuned:
    """As it was found; eager where this training is too short to be compiled."""
    tried = tuple((Way.model_validate(way), float(seconds)) for way, seconds in row.tried)
    way, startup = Way.model_validate(row.way), 0.0
    if way.compiled and not asked.compiled:
        if compiling_pays(trunk, trunk.horizons[-1] * min(seconds for _, seconds in tried)):
            startup = compiling_seconds(trunk.shape)
        else:
            way = way.model_copy(update={"compiled": False})
    return Tuned(way=way, tried=tried, seconds=row.seconds, taken_by_others=None, startup_seconds=startup)
