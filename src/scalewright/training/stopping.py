"""Early stopping: training ends when validation no longer improves, and its best weights come back (Prechelt 1998)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor


class EarlyStopping:
    """The best weights so far, and how long ago they were.

    Args:
        patience: Evaluations without a lower loss after which training is over.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.loss, self.step, self.worse = float("inf"), 0, 0
        self.weights: dict[str, Tensor] = {}

    @property
    def over(self) -> bool:
        """Whether training should end."""
        return self.worse >= self.patience

    def hear(self, step: int, loss: float, weights: Mapping[str, Tensor]) -> None:
        """Takes note of the validation loss after so many steps, with these weights."""
        if loss < self.loss:
            self.loss, self.step, self.worse = loss, step, 0
            self.weights = {name: value.detach().clone() for name, value in weights.items()}
        else:
            self.worse += 1

    def restore(self, weights: Mapping[str, Tensor]) -> None:
        """Puts the best weights into these; they stay where none were heard of."""
        with torch.no_grad():
            for name, best in self.weights.items():
                weights[name].copy_(best)

    def state(self) -> dict[str, Any]:
        """For a checkpoint, beside the weights."""
        heard = self.step > 0
        return {"loss": self.loss if heard else None, "step": self.step, "worse": self.worse}

    def go_on(self, state: Mapping[str, Any], weights: dict[str, Tensor]) -> None:
        """From a checkpoint."""
        self.step, self.worse, self.weights = state["step"], state["worse"], weights
        self.loss = float("inf") if state["loss"] is None else state["loss"]


class NeverStopping:
    """Training to its last step, with the weights it ends with."""

    over, step = False, None
    weights: Mapping[str, Tensor] = MappingProxyType({})

    def hear(self, step: int, loss: float, weights: Mapping[str, Tensor]) -> None:
        """Nothing to note."""

    def restore(self, weights: Mapping[str, Tensor]) -> None:
        """They stay as they are."""

    def state(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def go_on(self, state: Mapping[str, Any], weights: dict[str, Tensor]) -> None:
        """Nothing."""
