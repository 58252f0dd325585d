"""Steps to Weights & Biases, or into its files for `wandb sync`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from scalewright.training.trackers.tracker import FINAL, Configuration, Status, Tracker

if TYPE_CHECKING:
    from wandb import Run

_EXIT_CODES: dict[Status, int] = {"finished": 0, "failed": 1, "stopped": 255}


class WandbTracker(Tracker):
    """Writes runs of a project, whose ids are our addresses, grouped by study.

    Nothing leaves the machine unless WANDB_MODE=online asks for it: else each sitting of a run is a folder
    `wandb/offline-run-TIME-RUN`, which `wandb sync` sends.
    """

    def __init__(self, project: str, study: str, folder: Path) -> None:
        self._project, self._study, self._folder = project, study, folder
        self._run: Run | None = None

    def begin(self, run: str, configuration: Configuration) -> None:
        """Opens the run, new or gone on with."""
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        self._folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project=self._project,
            id=run,
            name=run,
            group=self._study,
            resume="allow",
            reinit="create_new",
            mode=_mode(),
            dir=str(self._folder),
            config=dict(configuration),
            # What is not told is not looked for: output, code, commits, the machine's load.
            settings=wandb.Settings(
                console="off", silent=True, x_disable_stats=True, disable_git=True, disable_code=True, save_code=False
            ),
        )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Hands a step to the service of wandb, unless its server has it already."""
        if self._run is not None and step >= self._run.starting_step:
            self._run.log(dict(values), step=step)

    def end(self, status: Status, metrics: Mapping[str, float]) -> None:
        """Keeps the last metrics in the run's summary and waits until all is written."""
        if self._run is None:
            return
        self._run.summary.update({f"{FINAL}{name}": value for name, value in metrics.items()})
        self._run.finish(exit_code=_EXIT_CODES[status])
        self._run = None


def _mode() -> Literal["online", "offline", "disabled"]:
    asked = os.environ.get("WANDB_MODE", "offline")
    if asked == "online":
        return "online"
    return "disabled" if asked == "disabled" else "offline"
