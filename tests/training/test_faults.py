"""What goes wrong in a training, and that it ends as if it had not."""

import errno
import os
import signal
import subprocess
import time

import pytest
import torch

from scalewright.errors import TerminatedError, WorkError
from scalewright.tasks import task_named
from scalewright.tasks.language import Language
from scalewright.training import checkpoint, loop, train
from scalewright.training.checkpoint import Checkpoints

from ..kills import Heard, KillAt, KilledError

LANGUAGE = task_named("language")


def losses(measured):
    return {one.horizon: one.loss for one in measured}


class Poisoned(Language):
    """The loss is no number on the batches at some places of the data."""

    def __init__(self, trunk, dataset, *places, gradient_alone=False):
        self.gradient_alone = gradient_alone
        batches = self.batches(dataset, trunk.shape, trunk.recipe.batch_size, trunk.seed, None)
        self.poison = [batches(place)[0] for place in places]

    def objective(self, outputs, batch, *beside):
        loss = super().objective(outputs, batch, *beside)
        if not (torch.is_grad_enabled() and any(torch.equal(batch[0], each) for each in self.poison)):
            return loss
        # The root of nothing is nothing; its slope is infinite, and nothing times that is no number.
        return loss + (0 * outputs).sum().sqrt() if self.gradient_alone else loss * float("nan")


class Without(Language):
    """The same data without the batches at some places."""

    def __init__(self, *places):
        self.left_out = places

    def batches(self, *asked):
        batches = super().batches(*asked)
        kept = [place for place in range(1000) if place not in self.left_out]
        return lambda step, *rows: batches(kept[step], *rows)


@pytest.mark.parametrize("places", [(0,), (7,), (7, 8), (3, 11)])
@pytest.mark.parametrize("kills", [(), (5, 4)])
def test_data_on_which_the_loss_is_no_number_are_left_out(trunk, dataset, tmp_path, places, kills):
    clean = list(train(trunk((20,)), Without(*places), dataset, tmp_path / "clean"))
    poisoned = Poisoned(trunk((20,)), dataset, *places)
    for steps in kills:
        with pytest.raises(KilledError):
            list(train(trunk((20,)), poisoned, dataset, tmp_path, checkpoint_seconds=0, progress=KillAt(steps)))
    heard = Heard()
    (measured,) = train(trunk((20,)), poisoned, dataset, tmp_path, checkpoint_seconds=0, progress=heard)
    assert measured.skipped == places
    assert measured.loss == clean[0].loss
    if not kills:
        assert len(heard.warnings) == len(places)
        assert f"the loss is nan at step {places[0]}: going back to step {places[0]}" in heard.warnings[0]


def test_a_gradient_that_is_no_number_is_seen_before_it_spoils_the_next_step(trunk, dataset, tmp_path):
    (clean,) = train(trunk((20,)), Without(7), dataset, tmp_path / "clean")
    heard = Heard()
    poisoned = Poisoned(trunk((20,)), dataset, 7, gradient_alone=True)
    (measured,) = train(trunk((20,)), poisoned, dataset, tmp_path, checkpoint_seconds=0, progress=heard)
    assert (measured.skipped, measured.loss) == ((7,), clean.loss)
    assert "the gradient's norm is nan" in heard.warnings[0]


class Leaping(Poisoned):
    """Where a poisoned batch's loss is ten nats higher, a number all the same."""

    def objective(self, outputs, batch, *beside):
        loss = Language.objective(self, outputs, batch, *beside)
        return loss + 10 if torch.is_grad_enabled() and torch.equal(batch[0], self.poison[0]) else loss


@pytest.mark.parametrize("kills", [(), (104, 30)])
def test_a_loss_that_leaps_is_gone_back_from_where_the_recipe_asks(trunk, dataset, tmp_path, kills):
    asked = trunk((140,), recipe={"spike": 8.0})
    (clean,) = train(asked, Without(120), dataset, tmp_path / "clean")
    leaping = Leaping(asked, dataset, 120)
    for steps in kills:
        with pytest.raises(KilledError):
            list(train(asked, leaping, dataset, tmp_path, checkpoint_seconds=0, progress=KillAt(steps)))
    heard = Heard()
    (measured,) = train(asked, leaping, dataset, tmp_path, checkpoint_seconds=0, progress=heard)
    assert (measured.skipped, measured.loss) == ((120,), clean.loss)
    if not kills:
        assert "the loss leaps to 1" in heard.warnings[0]
    (plain,) = train(trunk((140,)), leaping, dataset, tmp_path / "plain")
    assert plain.skipped == ()


def test_checkpoints_that_hold_training_up_are_written_more_seldom(trunk, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(loop, "CHECKPOINT_SHARE", 0.25)
    begun, ended, save = [], [], Checkpoints.save

    def slow(self, *asked):
        if self.folder.name != "weights":
            begun.append(time.monotonic())
            time.sleep(0.05)
            ended.append(time.monotonic())
        save(self, *asked)

    class Slow(Heard):
        def step(self, *told):
            time.sleep(0.01)

    monkeypatch.setattr(Checkpoints, "save", slow)
    list(train(trunk((100,)), LANGUAGE, dataset, tmp_path, progress=Slow()))
    pauses = [later - earlier for earlier, later in zip(ended, begun[1:], strict=False)]
    assert pauses
    assert min(pauses) >= 0.05 / 0.25
    # Where it is said how often, that holds.
    begun.clear()
    list(train(trunk((20,)), LANGUAGE, dataset, tmp_path / "often", checkpoint_seconds=0, progress=Slow()))
    assert len(begun) == 20


def test_it_is_given_up_where_going_back_does_not_help(trunk, dataset, tmp_path):
    heard = Heard()
    with pytest.raises(WorkError, match="lower learning rate"):
        list(train(trunk((20,)), Poisoned(trunk((20,)), dataset, *range(4, 20)), dataset, tmp_path, progress=heard))
    assert len(heard.warnings) == 3


class Cramped(Language):
    """Memory for so many rows at once."""

    def __init__(self, rows):
        self.rows = rows

    def objective(self, outputs, batch, *beside):
        if len(batch[0]) > self.rows and torch.is_grad_enabled():
            raise torch.OutOfMemoryError("tried to allocate 20.00 GiB")
        return super().objective(outputs, batch, *beside)


def test_too_little_memory_makes_micro_batches_smaller(trunk, dataset, tmp_path):
    whole = losses(train(trunk((20,)), LANGUAGE, dataset, tmp_path / "whole"))
    cramped = losses(train(trunk((20,)), Cramped(1), dataset, tmp_path / "cramped"))
    assert cramped == pytest.approx(whole, rel=1e-5)


def test_not_even_a_row_fits(trunk, dataset, tmp_path):
    with pytest.raises(WorkError, match=r"out of memory at step 0 with 4 micro-batches \(tried to allocate"):
        list(train(trunk((20,)), Cramped(0), dataset, tmp_path))


class AskToEnd(Heard):
    def __init__(self, at):
        super().__init__()
        self.at = at

    def step(self, step, total, loss, tokens_per_second):
        super().step(step, total, loss, tokens_per_second)
        if step == self.at:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("step", [1, 9, 17, 19])
def test_asked_to_end_it_keeps_its_work(trunk, dataset, tmp_path, step):
    undisturbed = losses(train(trunk(), LANGUAGE, dataset, tmp_path / "calm"))
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(TerminatedError, match=f"asked to end at step {step} of") as error:
        list(train(trunk((20,)), LANGUAGE, dataset, tmp_path, progress=AskToEnd(step)))
    assert error.value.exit_code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before
    heard = Heard()
    assert losses(train(trunk((20,)), LANGUAGE, dataset, tmp_path, progress=heard)) == {20: undisturbed[20]}
    assert heard.losses[0][0] == step + 1


def test_a_full_disk_loses_nothing(trunk, dataset, tmp_path, monkeypatch):
    undisturbed = losses(train(trunk((20,)), LANGUAGE, dataset, tmp_path / "calm"))
    write, calls = checkpoint.save, []

    def full(*args, **more):
        calls.append(None)
        if 5 <= len(calls) <= 15:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(*args, **more)

    monkeypatch.setattr(checkpoint, "save", full)
    heard = Heard()
    with pytest.raises(KilledError):
        list(train(trunk((20,)), LANGUAGE, dataset, tmp_path, checkpoint_seconds=0, progress=_Both(heard, KillAt(12))))
    assert {path.name for path in (tmp_path / "trunk").iterdir()} == {"step-0000000003", "step-0000000004"}
    assert "No space left on device" in heard.warnings[0]
    assert losses(train(trunk((20,)), LANGUAGE, dataset, tmp_path, checkpoint_seconds=0)) == undisturbed


def test_a_checkpoint_that_could_not_be_written_is_not_claimed(trunk, dataset, tmp_path, monkeypatch):
    def full(*args, **more):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint, "save", full)
    with pytest.raises(TerminatedError, match="its checkpoint could not be written"):
        list(train(trunk((20,)), LANGUAGE, dataset, tmp_path, progress=AskToEnd(5)))


class _Both:
    def __init__(self, *others):
        self.others = others

    def step(self, *told):
        for each in self.others:
            each.step(*told)

    def say(self, text):
        for each in self.others:
            each.say(text)

    def warn(self, text):
        for each in self.others:
            each.warn(text)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 kB: not even the weights fit."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_too_small_for_the_weights_is_said(trunk, dataset, small_disk):
    heard = Heard()
    with pytest.raises(WorkError, match="disk full"):
        list(train(trunk((20,)), LANGUAGE, dataset, small_disk, checkpoint_seconds=0, progress=heard))
    assert heard.losses[-1][0] == 20
    assert "is the disk full?" in heard.warnings[0]
