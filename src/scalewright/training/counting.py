"""FLOPs of a training step in which a part of the weights stays as it is: counted, where no formula of the shape knows it."""

from collections.abc import Collection
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from scalewright.tasks import Batch, Trainable

_ROWS = 2  # a single one is none that batch norm would normalise


def counted_flops(task: Trainable, shape: Any, batch: Batch, frozen: Collection[str]) -> float:
    """FLOPs of a forward and a backward pass for each row, of which the weights named `frozen` have no gradients.

    Counted by torch on tensors without content.
    """
    with torch.device("meta"):
        model = task.build(shape)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in frozen)
    rows = tuple(part[:1].repeat(_ROWS, *(1 for _ in part.shape[1:])).to("meta") for part in batch)
    with FlopCounterMode(display=False) as counter:
        task.objective(model(task.inputs(rows)), rows).backward()  # type: ignore[no-untyped-call]
    return float(counter.get_total_flops()) / _ROWS
