"""The moving average of the weights against its definition; what is evaluated and kept is it."""

import pytest
import torch
from torch import nn

from scalewright.tasks import task_named
from scalewright.training import Trainer, train
from scalewright.training.averaging import MovingAverage, NoAveraging
from scalewright.training.checkpoint import read_tensors

from ..kills import KillAt, KilledError

LANGUAGE = task_named("language")


@pytest.mark.parametrize("decay", [0.5, 0.99])
def test_it_is_the_weighted_mean(decay):
    torch.manual_seed(0)
    weights = torch.randn(12, 3, 2)
    average, model = MovingAverage(decay), nn.Linear(2, 3, bias=False)
    for steps, weight in enumerate(weights, 1):
        model.load_state_dict({"weight": weight})
        average.hear(model.state_dict())
        with average.applied(model.state_dict()):
            shares = decay ** torch.arange(steps - 1, -1, -1.0)
            expected = (shares[:, None, None] * weights[:steps]).sum(0) / shares.sum()
            torch.testing.assert_close(model.weight.data, expected)
        assert torch.equal(model.weight.data, weight)


def test_numbers_that_are_counted_are_not_averaged():
    model, average = nn.BatchNorm1d(2), MovingAverage(0.9)
    for value in (1.0, 3.0):
        model(torch.full((4, 2), value))
        average.hear(model.state_dict())
    average.restore(model.state_dict())
    assert model.num_batches_tracked.item() == 2
    assert 0.1 < model.running_mean[0].item() < 0.39


def test_weights_come_back_after_an_error():
    model, average = nn.Linear(1, 1), MovingAverage(0.5)
    for value in (0.0, 1.0):
        nn.init.constant_(model.weight, value)
        average.hear(model.state_dict())
    with pytest.raises(ZeroDivisionError), average.applied(model.state_dict()):
        raise ZeroDivisionError
    assert model.weight.item() == 1


def test_before_the_first_step_and_without_an_average_the_weights_stay():
    model = nn.Linear(2, 2)
    before = model.weight.detach().clone()
    for averaging in (MovingAverage(0.5), NoAveraging()):
        with averaging.applied(model.state_dict()):
            assert torch.equal(model.weight, before)
        averaging.restore(model.state_dict())
        assert torch.equal(model.weight, before)


def test_it_goes_on_from_a_checkpoint():
    model, one, other = nn.Linear(3, 3), MovingAverage(0.7), MovingAverage(0.7)
    one.hear(model.state_dict())
    other.go_on(one.state(), {name: value.clone() for name, value in one.weights.items()})
    nn.init.ones_(model.weight)
    for average in (one, other):
        average.hear(model.state_dict())
    assert all(torch.equal(one.weights[name], value) for name, value in other.weights.items())
    assert other.steps == 2


def test_the_average_is_what_is_evaluated_and_kept(trunk, dataset, tmp_path):
    asked, plain = trunk((12, 20), recipe={"ema_decay": 0.8}), trunk((20,))
    measured = list(train(asked, LANGUAGE, dataset, tmp_path / "average"))
    # By hand: the same steps, for the average does not touch them.
    trainer = Trainer(plain, LANGUAGE, dataset, "cpu")
    summed, shares = {}, 0.0
    for _ in range(20):
        trainer.advance(plain.schedule(20))
        shares = 0.8 * shares + 1
        for name, value in trainer.weights.items():
            summed[name] = 0.8 * summed.get(name, 0) + value.double()
    kept = read_tensors(tmp_path / "average" / "weights")
    for name, value in kept.items():
        torch.testing.assert_close(value.double(), summed[name] / shares, rtol=1e-4, atol=1e-6)
    trainer.placement.parts[0].load_state_dict(kept)
    assert measured[1].loss == trainer.score("validation").loss


def test_killed_and_resumed_it_ends_as_undisturbed(trunk, dataset, tmp_path):
    asked = trunk((8, 20), recipe={"ema_decay": 0.8})
    calm = [one.loss for one in train(asked, LANGUAGE, dataset, tmp_path / "calm")]
    for steps in (5, 7):
        with pytest.raises(KilledError):
            list(train(asked, LANGUAGE, dataset, tmp_path / "cut", checkpoint_seconds=0, progress=KillAt(steps)))
    assert [one.loss for one in train(asked, LANGUAGE, dataset, tmp_path / "cut")] == calm


def test_stopped_early_the_best_average_is_kept(trunk, dataset, tmp_path):
    settings = {"evaluate_every": 10, "patience": 2, "ema_decay": 0.9}
    asked = trunk((400,), unique_tokens=200, recipe=settings)
    (measured,) = train(asked, LANGUAGE, dataset, tmp_path)
    trainer = Trainer(asked, LANGUAGE, dataset, "cpu")
    for _ in range(measured.best_step):
        trainer.advance(asked.schedule(400))
    with trainer.averaging.applied(trainer.weights):
        assert trainer.score("validation").loss == measured.loss
