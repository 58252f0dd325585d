"""Trackers by the names that project files and options give them."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from scalewright.errors import InputError
from scalewright.training.trackers.ledger import LedgerTracker
from scalewright.training.trackers.mlflow import MlflowTracker
from scalewright.training.trackers.tensorboard import TensorBoardTracker
from scalewright.training.trackers.tracker import NoTracker, Tracker
from scalewright.training.trackers.wandb import WandbTracker


class _Kind(NamedTuple):
    argument: str
    package: str | None
    make: Callable[[str, str, Path], Tracker]
    """From the argument, the study and the folder that relative paths start from."""


_KINDS = {
    "mlflow": _Kind("URI", "mlflow", lambda uri, study, base: MlflowTracker(_absolute(uri, base), study)),
    "tensorboard": _Kind("FOLDER", "tensorboard", lambda folder, study, base: TensorBoardTracker(base / folder)),
    "wandb": _Kind("PROJECT", "wandb", lambda project, study, base: WandbTracker(project, study, base)),
    "ledger": _Kind("PATH", None, lambda where, study, base: LedgerTracker(where if "://" in where else base / where)),
    "none": _Kind("", None, lambda nothing, study, base: NoTracker()),
}
CHOICES = ", ".join(f"{name}:{kind.argument}".rstrip(":") for name, kind in _KINDS.items())


def check_tracker(name: str) -> None:
    """Raises InputError where no tracker has such a name; its package is not looked for."""
    _parse(name)


def tracker_named(name: str, *, study: str = "scalewright", base: Path = Path()) -> Tracker:
    """A tracker, not yet connected to anything.

    Args:
        name: `mlflow:URI` (`mlflow:sqlite:///mlflow.db`, `mlflow:http://host:5000`), `tensorboard:FOLDER`, `wandb:PROJECT`,
            `ledger:PATH` (or the URL of a database) or `none`.
        study: what the runs are grouped under: MLflow's experiment, the group of Weights & Biases.
        base: where relative paths start.

    Raises:
        InputError: there is no such tracker, or its package is not installed.
    """
    kind, argument = _parse(name)
    if kind.package is not None and find_spec(kind.package) is None:
        raise InputError(f"tracker {name}: {kind.package} is not installed: install scalewright[trackers]")
    return kind.make(argument, study, base)


def _parse(name: str) -> tuple[_Kind, str]:
    word, _, argument = name.partition(":")
    kind = _KINDS.get(word)
    if kind is None or bool(argument) != bool(kind.argument):
        raise InputError(f"tracker {name!r}: expected one of {CHOICES}")
    if word == "mlflow" and "://" not in argument and argument != "databricks":
        raise InputError(
            f"tracker {name!r}: {argument} is no URI: expected one such as mlflow:sqlite:///mlflow.db or "
            "mlflow:http://localhost:5000"
        )
    return kind, argument


def _absolute(uri: str, base: Path) -> str:
    path = uri.removeprefix("sqlite:///")
    return uri if path == uri else f"sqlite:///{(base / path).resolve()}"
