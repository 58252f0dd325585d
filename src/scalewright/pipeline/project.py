"""The project file: what the user wants."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from scalewright.data import Sources, WeightedSource
from scalewright.data.sources import mixture_of
from scalewright.documents import Part
from scalewright.errors import InputError
from scalewright.files import write_atomic
from scalewright.pipeline.toml_file import read_toml
from scalewright.planning import BY_THE_RULES, Given
from scalewright.tasks import TASKS
from scalewright.training.trackers import check_tracker

TEMPLATE = """\
# A scalewright project. `scalewright run {path}` prepares the data, runs a ladder of small trainings, fits the law,
# plans the best model for the budget, forecasts its loss, trains it and scores the forecast. Every table but [budget] is
# optional.

name = {name}
task = "language"
data = [{data}]          # .txt .md .py .jsonl .parquet files, folders or patterns, relative to this file
tokenizer = "auto"       # or "bytes", or "bpe:4096"
seed = 0

# In the place of `data`: several sources, mixed as their weights say.
# [[source]]
# name = "novels"        # its loss is told by this name; optional
# data = ["novels/*.txt"]
# weight = 0.7           # share of the tokens trained on, over the sum of all weights
# [[source]]
# name = "code"
# data = ["src"]
# weight = 0.3

[budget]                 # one of them for the final run: minutes, hours, days or flops
minutes = {minutes:g}
ladder = {ladder:g}             # at most this fraction of it goes to small runs, on top

[machine]
use = "local"            # this machine, measured; or the path of a machine.json

[recipe]                 # settings in the place of the rules', for the ladder and the final run; scalewright search finds some
# optimiser = "muon"

[tracking]               # who hears of the final run's steps, beside the ledger; one of these or a list
# to = "tensorboard:logs"  # or "mlflow:sqlite:///mlflow.db", "mlflow:http://host:5000", "wandb:NAME"
"""


class BudgetTable(Part):
    """The table `[budget]`."""

    model_config = ConfigDict(strict=True)

    minutes: float | None = Field(default=None, gt=0)
    hours: float | None = Field(default=None, gt=0)
    days: float | None = Field(default=None, gt=0)
    flops: float | None = Field(default=None, gt=0)
    ladder: float = Field(default=0.5, gt=0, le=10)

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        given = [name for name in ("minutes", "hours", "days", "flops") if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) if given else "none"
            raise ValueError(f"give one of minutes, hours, days, flops; found {found}")
        return self

    @property
    def seconds(self) -> float | None:
        """The budget as seconds of training, where it is a time."""
        for name, unit in (("minutes", 60.0), ("hours", 3600.0), ("days", 86400.0)):
            value: float | None = getattr(self, name)
            if value is not None:
                return value * unit
        return None


class MachineTable(Part):
    """The table `[machine]`."""

    use: str = "local"


class TrackingTable(Part):
    """The table `[tracking]`: who hears of the final run's steps, beside the ledger."""

    to: tuple[str, ...] = ()
    """Names as `training.trackers.tracker_named` takes them; in the file one of them, or a list."""

    @field_validator("to", mode="before")
    @classmethod
    def _one_or_several(cls, to: object) -> object:
        return (to,) if isinstance(to, str) else to

    @field_validator("to")
    @classmethod
    def _known_trackers(cls, to: tuple[str, ...]) -> tuple[str, ...]:
        try:
            for name in to:
                check_tracker(name)
        except InputError as error:
            raise ValueError(str(error)) from None
        return to


class SourceTable(Part):
    """A table `[[source]]`: text that is mixed with that of others."""

    name: str | None = None
    """By default `source-1`, `source-2`, ..."""
    data: tuple[str, ...] = Field(min_length=1)
    weight: float = Field(gt=0, strict=True)


class Project(Part):
    """A project file, read and checked."""

    name: str = Field(min_length=1)
    task: str = "language"
    data: tuple[str, ...] | None = Field(default=None, min_length=1)
    source: tuple[SourceTable, ...] = ()
    tokenizer: str = "auto"
    seed: int = Field(default=0, ge=0, lt=2**62)
    budget: BudgetTable
    machine: MachineTable = MachineTable()
    recipe: Given = BY_THE_RULES
    tracking: TrackingTable = TrackingTable()

    @field_validator("task")
    @classmethod
    def _known_task(cls, task: str) -> str:
        if task not in TASKS:
            raise ValueError(f"found {task!r}, expected one of {', '.join(TASKS)}")
        return task

    @field_validator("source")
    @classmethod
    def _sensible_mixture(cls, source: tuple[SourceTable, ...]) -> tuple[SourceTable, ...]:
        try:
            mixture_of(_weighted(source))
        except InputError as error:
            raise ValueError(str(error)) from None
        return source

    @model_validator(mode="after")
    def _one_text_or_several(self) -> Self:
        if self.data is not None and self.source:
            raise ValueError("found data and [[source]]: give data, or sources with their weights")
        if self.data is None and not self.source:
            raise ValueError('no text: give data = ["books/*.txt"], or tables [[source]] with data and a weight each')
        return self

    @property
    def text(self) -> Sources:
        """What is trained on: one text, or several that are mixed."""
        return self.data or _weighted(self.source)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a project file.

        Raises:
            InputError: it is missing, is not TOML, or a field does not fit.
        """
        if path.is_dir():
            raise InputError(f"{path}: a folder, expected a project file such as {path / 'project.toml'}")
        if not path.is_file():
            raise InputError(f"{path}: no such file; `scalewright init` writes a project.toml")
        return read_toml(path, cls)


def _weighted(source: Sequence[SourceTable]) -> list[WeightedSource]:
    return [
        WeightedSource(f"source-{number}" if table.name is None else table.name, table.data, table.weight)
        for number, table in enumerate(source, start=1)
    ]


def write_project(path: Path, *, name: str, data: str, minutes: float = 3.5, ladder: float = 0.9) -> None:
    """Writes a commented project file.

    Raises:
        InputError: there is one already.
    """
    if path.exists():
        raise InputError(f"{path}: exists already; edit it, or name another folder")
    if path.parent.exists() and not path.parent.is_dir():
        raise InputError(f"{path.parent}: found a file, expected a folder for the project")
    if not (math.isfinite(minutes) and minutes > 0):
        raise InputError(f"minutes: found {minutes:g}, expected a positive number")
    text = TEMPLATE.format(path=path.name, name=_quoted(name), data=_quoted(data), minutes=minutes, ladder=ladder)
    write_atomic(path, text)


def _quoted(text: str) -> str:
    # A JSON string is one of TOML as well, but for DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
