"""Early stopping: over after so many evaluations without a better one, and the best weights come back."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from scalewright.planning import Recipe
from scalewright.tasks import task_named
from scalewright.training import train
from scalewright.training.checkpoint import read_tensors
from scalewright.training.stopping import EarlyStopping

from ..kills import KillAt, KilledError

LANGUAGE = task_named("language")


def hear(stopping, model, losses):
    """Trains by adding one to the weights; stops when told to. Returns the steps taken."""
    for step, loss in enumerate(losses, 1):
        nn.init.constant_(model.weight, step)
        stopping.hear(step, loss, model.state_dict())
        if stopping.over:
            return step
    return len(losses)


def test_the_best_weights_come_back():
    stopping, model = EarlyStopping(patience=2), nn.Linear(1, 1)
    assert hear(stopping, model, [3.0, 1.0, 2.0, 0.5, 0.5, 0.9, 0.1]) == 6
    stopping.restore(model.state_dict())
    assert (stopping.step, stopping.loss, model.weight.item()) == (4, 0.5, 4.0)


def test_it_goes_on_where_it_was():
    one, other, model = EarlyStopping(2), EarlyStopping(2), nn.Linear(1, 1)
    hear(one, model, [1.0, 0.5, 0.7])
    other.go_on(one.state(), dict(one.weights))
    stopping = [EarlyStopping(2), other]
    hear(stopping[0], model, [1.0, 0.5, 0.7, 0.6])
    other.hear(4, 0.6, model.state_dict())
    assert other.over == stopping[0].over is True
    assert other.state()["step"] == stopping[0].state()["step"] == 2


def test_a_loss_that_is_no_number_is_not_the_best():
    stopping, model = EarlyStopping(2), nn.Linear(1, 1)
    assert hear(stopping, model, [float("nan"), 1.0, float("nan"), float("nan")]) == 4
    assert stopping.step == 2


def test_a_run_that_learns_by_heart_stops(trunk, dataset, tmp_path):
    # Some hundred tokens, again and again: validation turns.
    settings = {"evaluate_every": 10, "patience": 3}
    stopping = trunk((600,), unique_tokens=200, recipe=settings)
    (measured,) = train(stopping, LANGUAGE, dataset, tmp_path / "stopped")
    assert measured.tokens < 600 * stopping.tokens_per_step
    assert measured.best_step == measured.tokens // stopping.tokens_per_step - 30
    (whole,) = train(trunk((600,), unique_tokens=200), LANGUAGE, dataset, tmp_path / "whole")
    assert measured.loss < whole.loss
    assert whole.best_step is None


def test_killed_and_resumed_it_stops_at_the_same_step(trunk, dataset, tmp_path):
    asked = trunk((600,), unique_tokens=200, recipe={"evaluate_every": 10, "patience": 3})
    (calm,) = train(asked, LANGUAGE, dataset, tmp_path / "calm")

    with pytest.raises(KilledError):
        list(
            train(
                asked, LANGUAGE, dataset, tmp_path / "killed", checkpoint_seconds=0, progress=KillAt(calm.best_step + 5)
            )
        )
    (resumed,) = train(asked, LANGUAGE, dataset, tmp_path / "killed")
    assert (resumed.loss, resumed.tokens, resumed.best_step) == (calm.loss, calm.tokens, calm.best_step)
    weights = [read_tensors(tmp_path / folder / "weights") for folder in ("calm", "killed")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_what_cannot_be_asked(trunk):
    with pytest.raises(ValidationError, match="both or neither"):
        Recipe(learning_rate=1, base_width=1, base_depth=1, batch_size=1, warmup_steps=1, patience=3)
    with pytest.raises(ValidationError, match="one horizon alone"):
        trunk((10, 20), recipe={"patience": 3, "evaluate_every": 1})
