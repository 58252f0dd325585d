"""What a model reaches on a held-out split."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import torch
from torch import Tensor, nn

from scalewright.models import compute_in, simulated
from scalewright.tasks.task import Prepared, Scores, Trainable


@dataclass(frozen=True)
class Among:
    """An evaluation's place among those that share a split; all of them evaluate together."""

    place: int
    count: int
    summed: Callable[[Tensor], Tensor]
    """A tensor's sum over all of them, on each."""


ALONE = Among(0, 1, lambda sums: sums)


def evaluate(task: Trainable, model: nn.Module, dataset: Prepared, split: str, precision: str) -> Scores:
    """The task's measures of a model as it stands, over a whole split."""
    device = next(model.parameters()).device.type
    training = model.training
    model.eval()
    try:
        with compute_in(precision, device), simulated(model, precision):
            return score(task, model, model.shape, dataset, split, device)
    finally:
        model.train(training)


def score(
    task: Trainable,
    forward: Callable[[Tensor], Tensor],
    shape: Any,
    dataset: Prepared,
    split: str,
    device: str,
    among: Among = ALONE,
) -> Scores:
    """The same of outputs that `forward` gives; bit for bit the same however many share the split.

    Each evaluates every `count`-th batch from its `place` on. What a batch comes to is told by one and zero elsewhere, so that
    sums over all are exact, and each adds the batches up in their own order, in fp64.

    Of a mixture the means over its sources, in the shares at which they are trained on, whatever the lengths of their
    hold-outs; and the loss on each source, as `loss_NAME`.
    """
    if dataset.sources:
        of_each = [
            (name, share, score(task, forward, shape, part, split, device, among))
            for name, share, part in dataset.sources
        ]
        mixed: defaultdict[str, float] = defaultdict(float)
        for _, share, scores in of_each:
            for name, value in scores.metrics.items():
                mixed[name] += share * value
        loss = sum(share * scores.loss for _, share, scores in of_each)
        return Scores(loss, mixed | {f"loss_{name}": scores.loss for name, _, scores in of_each})
    held_out = task.held_out(dataset, shape, split)
    rows, sums = torch.zeros(held_out.count, dtype=torch.float64), dict[str, Tensor]()
    with torch.no_grad():
        for begin in range(0, held_out.count, among.count):
            number = begin + among.place
            # Weights that are shared out are gathered by all at once: who has no batch left takes the last, and counts none.
            batch = tuple(part.to(device) for part in held_out.batch(min(number, held_out.count - 1)))
            means = task.measures(forward(task.inputs(batch)), batch)
            if number < held_out.count:
                rows[number] = len(batch[0])
            for name, mean in means.items():
                own = sums.setdefault(name, torch.zeros_like(rows))
                if number < held_out.count:
                    own[number] = mean * len(batch[0])
    total, *totals = among.summed(torch.stack([rows, *sums.values()]))
    means = {name: _in_order(found) / _in_order(total) for name, found in zip(sums, totals, strict=True)}
    return Scores(means.pop("loss"), means)


def _in_order(parts: Tensor) -> float:
    # Neither torch's sum nor Python's, which since 3.12 carries what was rounded off, adds one number after the other.
    return reduce(add, parts.tolist(), 0.0)
