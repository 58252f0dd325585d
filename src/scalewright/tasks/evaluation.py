"""What a model reaches on a held-out split."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from scalewright.models import compute_in
from scalewright.tasks.task import Prepared, Scores, Trainable


def evaluate(task: Trainable, model: nn.Module, dataset: Prepared, split: str, precision: str) -> Scores:
    """The task's measures of a model as it stands, over a whole split."""
    device = next(model.parameters()).device.type
    training = model.training
    model.eval()
    try:
        with compute_in(precision, device):
            return score(task, model, model.shape, dataset, split, device)
    finally:
        model.train(training)


def score(
    task: Trainable, forward: Callable[[Tensor], Tensor], shape: Any, dataset: Prepared, split: str, device: str
) -> Scores:
    """The same of outputs that `forward` gives.

    Of a mixture the means over its sources, in the shares at which they are trained on, whatever the lengths of their
    hold-outs; and the loss on each source, as `loss_NAME`.
    """
    if dataset.sources:
        of_each = [
            (name, share, score(task, forward, shape, part, split, device)) for name, share, part in dataset.sources
        ]
        mixed: defaultdict[str, float] = defaultdict(float)
        for _, share, scores in of_each:
            for name, value in scores.metrics.items():
                mixed[name] += share * value
        loss = sum(share * scores.loss for _, share, scores in of_each)
        return Scores(loss, mixed | {f"loss_{name}": scores.loss for name, _, scores in of_each})
    totals: defaultdict[str, float] = defaultdict(float)
    rows = 0
    with torch.no_grad():
        for held in task.held_out(dataset, shape, split):
            batch = tuple(part.to(device) for part in held)
            for name, mean in task.measures(forward(task.inputs(batch)), batch).items():
                totals[name] += mean * len(batch[0])
            rows += len(batch[0])
    means = {name: total / rows for name, total in totals.items()}
    return Scores(means.pop("loss"), means)
