"""A trained model, from the folder of its run, and where it comes from."""

from pathlib import Path
from typing import Any

from torch import nn

from scalewright.errors import WorkError
from scalewright.ledger import Run
from scalewright.tasks import Trainable
from scalewright.training.checkpoint import read_tensors


def load_trained(task: Trainable, shape: Any, folder: Path) -> nn.Module:
    """The model of a finished run.

    Raises:
        WorkError: its weights are gone.
    """
    weights = read_tensors(folder / "weights")
    if weights is None:
        raise WorkError(f"{folder}: the trained weights are gone; delete this folder to train this run again")
    model = task.build(shape)
    model.load_state_dict(weights)
    return model


def model_card(run: Run, loss_unit: str, plan_hash: str) -> dict[str, Any]:
    """What a model's `card.json` says."""
    return {
        "run": run.id,
        "params": run.params,
        "params_total": run.params_total,
        "tokens": run.tokens,
        "loss": run.loss,
        "test_loss": run.test_loss,
        "loss_unit": loss_unit,
        "plan": plan_hash,
        "data": run.data_hash,
    }
