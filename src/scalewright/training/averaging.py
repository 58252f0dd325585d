"""An exponential moving average of the weights, which is evaluated and kept in their place (Polyak & Juditsky 1992)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from types import MappingProxyType
from typing import Any, Protocol

import torch
from torch import Tensor

Weights = Mapping[str, Tensor]
"""Of a model, by name, as it computes with them."""


class Averaging(Protocol):
    """What the loop tells of each step, and asks for when it evaluates and when it ends."""

    weights: Weights
    """The average; empty where there is none."""

    def hear(self, weights: Weights) -> None:
        """Takes note of the weights after a step."""

    def applied(self, weights: Weights) -> Any:
        """Context in which they are those to be evaluated."""

    def restore(self, weights: Weights) -> None:
        """Puts those to be kept into them."""

    def state(self) -> dict[str, Any]:
        """For a checkpoint, beside the average."""

    def go_on(self, state: Mapping[str, Any], weights: dict[str, Tensor]) -> None:
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
        self.weights: Weights = {}

    @torch.no_grad()
    def hear(self, weights: Weights) -> None:
        """Takes note of the weights after a step."""
        self.steps += 1
        if not self.weights:
            self.weights = {name: value.detach().clone() for name, value in weights.items()}
            return
        share = (1 - self.decay) / (1 - self.decay**self.steps)
        for name, average in self.weights.items():
            if average.is_floating_point():
                average.lerp_(weights[name].detach(), share)
            else:
                average.copy_(weights[name])

    @contextmanager
    def applied(self, weights: Weights) -> Iterator[None]:
        """They are the average inside this context, and themselves after it."""
        own = {name: value.detach().clone() for name, value in weights.items()}
        self.restore(weights)
        try:
            yield
        finally:
            _put(own, weights)

    def restore(self, weights: Weights) -> None:
        """Puts the average into them; they stay where no step was heard of."""
        _put(self.weights, weights)

    def state(self) -> dict[str, Any]:
        """For a checkpoint, beside the average."""
        return {"steps": self.steps}

    def go_on(self, state: Mapping[str, Any], weights: dict[str, Tensor]) -> None:
        """From a checkpoint."""
        self.steps, self.weights = state["steps"], weights


class NoAveraging:
    """The weights as they are."""

    weights: Weights = MappingProxyType({})

    def hear(self, weights: Weights) -> None:
        """Nothing to note."""

    def applied(self, weights: Weights) -> nullcontext[None]:
        """They stay as they are."""
        return nullcontext()

    def restore(self, weights: Weights) -> None:
        """They stay as they are."""

    def state(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def go_on(self, state: Mapping[str, Any], weights: dict[str, Tensor]) -> None:
        """Nothing."""


@torch.no_grad()
def _put(values: Weights, into: Weights) -> None:
    for name, value in values.items():
        into[name].copy_(value)
