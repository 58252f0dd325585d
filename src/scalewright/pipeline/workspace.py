"""A project's folder, open for work."""

from dataclasses import dataclass
from pathlib import Path

from scalewright.ledger import Ledger
from scalewright.pipeline.project import Project
from scalewright.pipeline.stages import Stages
from scalewright.pipeline.watch import Watch
from scalewright.tasks import Task

STATE = ".scalewright"


@dataclass(frozen=True)
class Workspace:
    """What every stage of a project works with."""

    project: Project
    root: Path
    """Where the project file lies, and what is made for the user."""
    task: Task
    ledger: Ledger
    stages: Stages
    watch: Watch

    @property
    def state(self) -> Path:
        """What the project keeps for itself."""
        return self.root / STATE

    @property
    def runs(self) -> Path:
        """A folder for each run: its checkpoints, its result and its weights."""
        return self.state / "runs"
