"""An exponential moving average of the weights, which is evaluated and kept in their place (Polyak & Juditsky 1992)."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor, nn


class Averaging(Protocol):
    """What the loop tells of each step, and asks for when it evaluates and when it ends."""

    def hear(self, model: nn.Module) -> None:
        """Takes note of the weights after a step."""

    def applied(self, model: nn.Module) -> Any:
        """Context in which the model has the weights to be evaluated."""

    def restore(self, model: nn.Module) -> None:
        """Gives the model the weights to be kept."""

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""

    def go_on(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""


class MovingAverage:
    """Σ_k d^(t−k)·w_k / Σ_k d^(t−k) of the weights w_1 … w_t after each step.

    Divided by the sum of its coefficients, as Adam's moments are (Kingma & Ba 2014, arXiv:1412.6980), it begins at w_1 and has
    nothing of the initial weights in it. Numbers that are no fractions, such as counts of batches, are those of now.

    Args:
        decay: d, between 0 and 1: about 1/(1 − d) steps are averaged.
    """

    def __init__(self, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self._average: dict[str, Tensor] = {}

    @torch.no_grad()
    def hear(self, model: nn.Module) -> None:
        """Takes note of the weights after a step."""
        weights = {name: value.detach() for name, value in model.state_dict().items()}
        self.steps += 1
        if not self._average:
            self._average = {name: value.clone() for name, value in weights.items()}
            return
        # After a checkpoint the average lies on the processor.
        self._average = {name: value.to(weights[name].device) for name, value in self._average.items()}
        fractions = [name for name, value in weights.items() if value.is_floating_point()]
        share = (1 - self.decay) / (1 - self.decay**self.steps)
        torch._foreach_lerp_([self._average[name] for name in fractions], [weights[name] for name in fractions], share)
        for name in weights.keys() - set(fractions):
            self._average[name].copy_(weights[name])

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """The model has the average inside this context, and its own weights after it."""
        own = {name: value.detach().clone() for name, value in model.state_dict().items()}
        self.restore(model)
        try:
            yield
        finally:
            model.load_state_dict(own)

    def restore(self, model: nn.Module) -> None:
        """Gives the model the average; it keeps its own weights where no step was heard of."""
        if self._average:
            model.load_state_dict(self._average)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"steps": self.steps, "average": self._average}

    def go_on(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.steps = state["steps"]
        self._average = {name: value.clone() for name, value in state["average"].items()}


class NoAveraging:
    """The weights as they are."""

    def hear(self, model: nn.Module) -> None:
        """Nothing to note."""

    def applied(self, model: nn.Module) -> nullcontext[None]:
        """The model keeps its weights."""
        return nullcontext()

    def restore(self, model: nn.Module) -> None:
        """The model keeps its weights."""

    def state(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def go_on(self, state: dict[str, Any]) -> None:
        """Nothing."""
