"""Steps as TensorBoard's event files."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from scalewright.training.trackers.tracker import FINAL, Configuration, Status, Tracker

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FLUSH_SECONDS = 5
"""At most this much waits in memory."""


class TensorBoardTracker(Tracker):
    """Writes into `folder/RUN`: scalars of each step, the configuration as text and, at the end, as hyperparameters."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run: Path | None = None
        self._configuration: Configuration = {}
        self._writer: SummaryWriter | None = None
        self._last: int | None = None

    def begin(self, run: str, configuration: Configuration) -> None:
        """Takes note of the run; its files are opened when its first step is known."""
        self._run, self._configuration, self._last = self._folder / run, configuration, None

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Writes a scalar for each value."""
        if self._writer is None:
            self._writer = self._open(step)
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._last = step

    def end(self, status: Status, metrics: Mapping[str, float]) -> None:
        """Writes the last metrics beside the configuration, where the run is finished, and closes the files."""
        if self._run is None:
            return
        if metrics:
            writer = self._writer = self._writer or self._open(None)
            chosen = {name: "none" if value is None else value for name, value in self._configuration.items()}
            final = {f"{FINAL}{name}": value for name, value in metrics.items()}
            writer.add_hparams(chosen, final, run_name=".", global_step=self._last)
        if self._writer is not None:
            self._writer.close()
        self._run = self._writer = None

    def _open(self, step: int | None) -> "SummaryWriter":
        from torch.utils.tensorboard import SummaryWriter

        assert self._run is not None, "log comes after begin"
        known = any(self._run.glob("events.out.tfevents.*"))
        # TensorBoard leaves out what earlier files tell of this step and those after it.
        writer = SummaryWriter(str(self._run), purge_step=step if known else None, flush_secs=FLUSH_SECONDS)
        if not known:
            rows = "".join(f"| {name} | {value} |\n" for name, value in self._configuration.items())
            writer.add_text("configuration", f"| name | value |\n| --- | --- |\n{rows}", 0)
        return writer
