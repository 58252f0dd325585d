"""Early stopping: training ends when validation no longer improves, and its best weights come back (Prechelt 1998)."""

from typing import Any

from torch import Tensor, nn


class EarlyStopping:
    """The best weights so far, and how long ago they were.

    Args:
        patience: Evaluations without a lower loss after which training is over.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.loss, self.step, self.worse = float("inf"), 0, 0
        self._weights: dict[str, Tensor] = {}

    @property
    def over(self) -> bool:
        """Whether training should end."""
        return self.worse >= self.patience

    def hear(self, step: int, loss: float, model: nn.Module) -> None:
        """Takes note of the validation loss after so many steps."""
        if loss < self.loss:
            self.loss, self.step, self.worse = loss, step, 0
            self._weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
        else:
            self.worse += 1

    def restore(self, model: nn.Module) -> None:
        """Gives the model its best weights back; it keeps its own where none were heard of."""
        if self._weights:
            model.load_state_dict(self._weights)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"loss": self.loss, "step": self.step, "worse": self.worse, "weights": self._weights}

    def go_on(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.loss, self.step, self.worse = state["loss"], state["step"], state["worse"]
        self._weights = state["weights"]


class NeverStopping:
    """Training to its last step, with the weights it ends with."""

    over, step = False, None

    def hear(self, step: int, loss: float, model: nn.Module) -> None:
        """Nothing to note."""

    def restore(self, model: nn.Module) -> None:
        """The model keeps its weights."""

    def state(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def go_on(self, state: dict[str, Any]) -> None:
        """Nothing."""
