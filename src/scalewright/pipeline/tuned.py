"""The tuner's choice: found once for a machine and a model, remembered in the ledger, and frozen beside the run."""

from contextlib import nullcontext
from pathlib import Path
from typing import ClassVar

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
    """`ways/ADDRESS.json` beside a run: how its steps are computed, from its first call on.

    Attributes:
        accumulation: That was asked for then; asked for otherwise later, it is as asked: it decides no result.
    """

    KIND: ClassVar[str] = "tuner's choice"

    way: Way
    accumulation: int

    def way_for(self, layout: Layout) -> Way:
        """The way that the run was begun, in the micro-batches that are asked for now."""
        if layout.accumulation == self.accumulation:
            return self.way
        return self.way.model_copy(update={"accumulation": layout.accumulation})


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
        started: The processes.
        measure: Whether to find out what is not known.
        watch: Hears of it.
    """
    # What the machine decides is no part of what was asked for.
    path = out / "ways" / f"{trunk.model_copy(update={'threads': 1}).address}.json"
    way = started.agreed(FrozenWay.load(path).way_for(layout) if started.first and path.exists() else None)
    if way is None:
        way = way_of(trunk, layout)
        if measure:
            with Ledger.open(ledger) if started.first else nullcontext() as opened:
                found = known_or_tuned(
                    trunk, task, dataset, layout=layout, device=device, ledger=opened, started=started, watch=watch
                )
            way = way if found is None else found.way
        if started.first:
            FrozenWay(way=way, accumulation=layout.accumulation).save(path)
    return going(way, trunk, layout)


def known_or_tuned(
    trunk: Trunk,
    task: Trainable,
    dataset: Prepared,
    *,
    layout: Layout,
    device: str,
    ledger: Ledger | None,
    started: Started,
    watch: Watch,
) -> Tuned | None:
    """What the ledger knows to be fastest on this machine for a model, or what is found out now and recorded; None where a
    training is too short for that, or the machine is not its own.

    Args:
        trunk, task, dataset, layout, device: as for `tune`.
        ledger: Where the first process remembers it.
        started: The processes.
        watch: Hears of it.
    """
    asked, about = way_of(trunk, layout), holds_for(trunk, device, layout)
    key = content_hash(about)
    row = ledger.tuning(key) if ledger else None
    known: Tuned | None = started.agreed(row and _known(row, trunk, asked))
    if known is not None:
        watch.say(f"way: measured before{f', {row.created_at[:10]}' if row else ''}: {known.way}")
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
    if found.whole and ledger:
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
    """As it was found; the fastest eager one where this training is too short to be compiled."""
    tried = tuple((Way.model_validate(way), float(seconds)) for way, seconds in row.tried)
    way, startup = Way.model_validate(row.way), 0.0
    if way.compiled and not asked.compiled:
        if compiling_pays(trunk, trunk.horizons[-1] * min(seconds for _, seconds in tried)):
            startup = compiling_seconds(trunk.shape)
        else:
            way = min((each for each in tried if not each[0].compiled), key=lambda each: each[1])[0]
    return Tuned(way=way, tried=tried, seconds=row.seconds, taken_by_others=None, startup_seconds=startup)
