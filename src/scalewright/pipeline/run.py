"""A project from its data to its report: each stage cached by the content of its inputs, the whole resumable."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scalewright.ledger import Ledger
from scalewright.pipeline.final import train_final
from scalewright.pipeline.lock import project_lock
from scalewright.pipeline.outcome import Outcome
from scalewright.pipeline.planned import plan_project
from scalewright.pipeline.project import Project
from scalewright.pipeline.shipped import ship
from scalewright.pipeline.stages import Stages
from scalewright.pipeline.tracking import trackers_of
from scalewright.pipeline.watch import Silent, Watch
from scalewright.pipeline.workspace import STATE, Workspace
from scalewright.studies import LOCAL
from scalewright.tasks import task_named


@contextmanager
def open_project(path: Path, watch: Watch | None = None) -> Iterator[Workspace]:
    """The project at `path`, open for work and locked against others.

    Raises:
        InputError: the project file is wrong.
        WorkError: another process is at work on it.
    """
    project = Project.load(path)
    root = path.resolve().parent
    with project_lock(root / STATE), Ledger.open(root / STATE / "ledger.db") as ledger:
        yield Workspace(project, root, task_named(project.task), ledger, Stages(root / STATE), watch or Silent())


def run_project(
    path: Path,
    *,
    watch: Watch | None = None,
    workers: int | None = None,
    executor: str = LOCAL,
    track: Sequence[str] = (),
) -> Outcome:
    """Does everything that is left to do of the project at `path`; returns what it came to.

    Killed anywhere and called again, it goes on from the last finished run or checkpoint.

    Args:
        path: a project file.
        watch: hears of stages and progress.
        workers: runs of the ladder side by side; by default one for each thread of this machine, or CPU of the cluster.
        executor: where the ladder is carried out: `local`, or a Ray cluster's address.
        track: names of trackers that hear of the final run, in the place of those that the project file names.

    Raises:
        InputError: the project file, its data, the executor's address or a tracker's name are wrong; a package is missing.
        WorkError: the work failed; what was finished is kept.
    """
    with open_project(path, watch) as at:
        # Before any work: what is missing for a tracker is said now.
        tracker = trackers_of(at, track or at.project.tracking.to)
        planned = plan_project(at, workers, executor)
        final = train_final(at, planned, tracker)
        return ship(at, planned, final)
