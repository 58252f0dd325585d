"""The tuner's choice: found once for a machine and a model, remembered in the ledger, and frozen beside the run."""

from pathlib import Path
from typing import Any, ClassVar

from scalewright.documents import Document
from scalewright.files import content_hash
from scalewright.ledger import Ledger, Tuning
from scalewright.pipeline.watch import Watch
from scalewright.planning.machine_plan import Layout
from scalewright.tasks import Prepared, Trainable
from scalewright.training import Trunk
from scalewright.training.tuning import Way, going, holds_for, tune, way_of

FROZEN = "way.json"


class FrozenWay(Document):
    """`way.json` beside a run: how its steps are computed, from its first call on."""

    KIND: ClassVar[str] = "tuner's choice"

    holds_for: dict[str, Any]
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
    watch: Watch,
) -> tuple[Trunk, Layout]:
    """Trunk and layout computed as is fastest here, as far as is known or worth finding out.

    A run that is gone on with is computed as it was begun, whatever the ledger has learnt since.
    """
    about = holds_for(trunk, device)
    path = out / FROZEN
    if path.exists():
        frozen = FrozenWay.load(path)
        if frozen.holds_for == about:
            return going(frozen.way, trunk, layout)
    key = content_hash(about)
    with Ledger.open(ledger) as opened:
        known = opened.tuning(key)
    if known is not None:
        way = Way.model_validate(known.way)
        watch.say(f"way: measured before, {known.created_at[:10]}: {way}")
    else:
        watch.stage("tune", "timing what pays here")
        found = tune(trunk, task, dataset, device, layout)
        if found is None:
            way = way_of(trunk, layout)
            watch.say(f"way: as asked, the training is too short to time others: {way}")
        else:
            way = found.way
            watch.say(
                f"way: measured: {way}: {found.saved:.0%} less time than as asked, of {len(found.tried)} ways timed in "
                f"{found.seconds:.0f} s"
            )
            with Ledger.open(ledger) as opened:
                opened.record_tuning(
                    Tuning(
                        id=key,
                        about=about,
                        way=way.model_dump(mode="json"),
                        tried=[[each.model_dump(mode="json"), seconds] for each, seconds in found.tried],
                        seconds=found.seconds,
                    )
                )
    FrozenWay(holds_for=about, way=way).save(path)
    return going(way, trunk, layout)
