"""Trunks and branches: bit for bit the same however they are cut, killed or resumed."""

import shutil

import pytest
import torch

from scalewright.errors import WorkError
from scalewright.machines.host import CpuTime
from scalewright.tasks import evaluate, task_named
from scalewright.training import train
from scalewright.training.checkpoint import Checkpoints, read_tensors
from scalewright.training.mesh import Mesh

from ..kills import Heard, KillAt, KilledError

LANGUAGE = task_named("language")


def losses(measured):
    return {one.horizon: one.loss for one in measured}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_branch_is_the_run_of_its_horizon_alone(trunk, dataset, tmp_path, precision):
    together = losses(train(trunk(precision=precision), LANGUAGE, dataset, tmp_path / "all"))
    for horizon in (8, 12, 20):
        alone = trunk((horizon,), precision=precision)
        assert losses(train(alone, LANGUAGE, dataset, tmp_path / str(horizon))) == {horizon: together[horizon]}


def test_it_learns(trunk, dataset, tmp_path):
    (measured,) = train(trunk((150,)), LANGUAGE, dataset, tmp_path)
    # Letters of the grammar are nearly uniform over eight: a model that knows only that has about 2.1 nats.
    assert measured.loss < 1.9
    assert measured.tokens == 150 * 4 * 32
    assert measured.curve[0][1] > measured.curve[-1][1]


@pytest.mark.parametrize("kills", [(1,), (7,), (8, 3), (11, 2, 2), (16, 5), (5, 5, 5, 5)])
def test_killed_and_resumed_ends_as_undisturbed(trunk, dataset, tmp_path, kills):
    undisturbed = list(train(trunk(), LANGUAGE, dataset, tmp_path / "calm"))
    folder = tmp_path / "disturbed"
    for steps in kills:
        with pytest.raises(KilledError):
            list(train(trunk(), LANGUAGE, dataset, folder, checkpoint_seconds=0, progress=KillAt(steps)))
    resumed = list(train(trunk(), LANGUAGE, dataset, folder, checkpoint_seconds=0))
    assert losses(resumed) == losses(undisturbed)
    assert [one.curve for one in resumed] == [one.curve for one in undisturbed]
    calm, disturbed = (read_tensors(path / "weights") for path in (tmp_path / "calm", folder))
    assert all(torch.equal(calm[name], disturbed[name]) for name in calm)


def test_where_it_goes_on_is_said(trunk, dataset, tmp_path):
    with pytest.raises(KilledError):
        list(train(trunk((20,)), LANGUAGE, dataset, tmp_path / "killed", checkpoint_seconds=0, progress=KillAt(7)))
    for name, said in (("killed", ["going on from step 6 of 20"]), ("calm", [])):
        heard = Heard()
        list(train(trunk((20,)), LANGUAGE, dataset, tmp_path / name, progress=heard))
        assert heard.said == said


def test_finished_branches_are_not_run_again(trunk, dataset, tmp_path):
    first = list(train(trunk(), LANGUAGE, dataset, tmp_path))
    again = list(train(trunk(), LANGUAGE, dataset, tmp_path, progress=KillAt(1)))
    assert again == first


def test_the_longest_branch_alone_is_tested_and_as_its_model_would_be(trunk, dataset, tmp_path):
    measured = list(train(trunk(), LANGUAGE, dataset, tmp_path, test=True))
    assert [one.test_loss is None for one in measured] == [True, True, False]
    model = LANGUAGE.build(trunk().shape)
    model.load_state_dict(read_tensors(tmp_path / "weights"))
    told = evaluate(LANGUAGE, model, dataset, "test", "fp32")
    assert measured[-1].test_loss == pytest.approx(told.loss, rel=1e-6)
    assert measured[-1].test_loss != measured[-1].loss


def test_a_finished_run_is_tested_later_without_training_again(trunk, dataset, tmp_path):
    at_once = list(train(trunk(), LANGUAGE, dataset, tmp_path / "at once", test=True))
    *_, before = train(trunk(), LANGUAGE, dataset, tmp_path / "later")
    assert before.test_loss is None
    asked = list(train(trunk(), LANGUAGE, dataset, tmp_path / "later", test=True, progress=KillAt(1)))
    assert (asked[-1].test_loss, asked[-1].loss) == (at_once[-1].test_loss, before.loss)
    # It stays known.
    assert list(train(trunk(), LANGUAGE, dataset, tmp_path / "later")) == asked
    shutil.rmtree(tmp_path / "later" / "weights")
    assert list(train(trunk(), LANGUAGE, dataset, tmp_path / "later", test=True)) == asked


def test_weights_that_are_gone_cannot_be_tested(trunk, dataset, tmp_path):
    list(train(trunk(), LANGUAGE, dataset, tmp_path))
    shutil.rmtree(tmp_path / "weights")
    with pytest.raises(WorkError, match="weights are gone; delete this folder"):
        list(train(trunk(), LANGUAGE, dataset, tmp_path, test=True))


def test_seeds_differ_and_repeat(trunk, dataset, tmp_path):
    runs = [
        losses(train(trunk((8,), seed=seed), LANGUAGE, dataset, tmp_path / str(n))) for n, seed in enumerate((0, 1, 0))
    ]
    assert runs[0] == runs[2] != runs[1]


def test_address_names_what_decides_the_result(trunk):
    one = trunk()
    assert one.run_address(8) == trunk((8,)).run_address(8)
    changes = [
        trunk(seed=1),
        trunk(width=48),
        trunk(precision="bf16"),
        trunk(unique_tokens=1000),
        trunk(recipe={"learning_rate": 0.02}),
        trunk(threads=2),
    ]
    assert len({other.run_address(8) for other in [one, *changes]}) == 1 + len(changes)


def test_hard_stop_keeps_the_work(trunk, dataset, tmp_path):
    with pytest.raises(WorkError, match="hard stop"):
        list(train(trunk((20,)), LANGUAGE, dataset, tmp_path, limit_seconds=0))
    assert newest(tmp_path / "trunk").facts["step"] == 1
    (stopped,) = train(trunk((20,)), LANGUAGE, dataset, tmp_path, limit_seconds=0)
    (undisturbed,) = train(trunk((20,)), LANGUAGE, dataset, tmp_path / "other")
    assert stopped.loss == undisturbed.loss


def test_a_stop_tells_who_else_was_at_work(trunk, dataset, tmp_path, monkeypatch):
    shares = {"mine": 0.05, "others": 0.4}
    for name, share in shares.items():
        monkeypatch.setattr(CpuTime, "taken_by_others_since", lambda self, start, own=None, share=share: share)
        with pytest.raises(WorkError, match="slower than planned") as stop:
            list(train(trunk((20,)), LANGUAGE, dataset, tmp_path / name, limit_seconds=0))
        assert ("other programs took 40%" in str(stop.value)) == (name == "others")


def test_a_finished_run_is_not_stopped(trunk, dataset, tmp_path):
    assert list(train(trunk((1,)), LANGUAGE, dataset, tmp_path, limit_seconds=0))


def test_diverging_is_said(trunk, dataset, tmp_path):
    with pytest.raises(WorkError, match="lower learning rate"):
        list(train(trunk(recipe={"learning_rate": 1e38}), LANGUAGE, dataset, tmp_path))


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone", "no manifest"])
def test_a_damaged_checkpoint_is_seen_and_the_one_before_it_taken(trunk, dataset, tmp_path, damage):
    undisturbed = list(train(trunk((20,)), LANGUAGE, dataset, tmp_path / "calm"))
    watch = KillAt(9)
    with pytest.raises(KilledError):
        list(train(trunk((20,)), LANGUAGE, dataset, tmp_path, checkpoint_seconds=0, progress=watch))
    last = newest(tmp_path / "trunk").folder
    (shard,) = last.glob("*.safetensors")
    content = bytearray(shard.read_bytes())
    if damage == "cut":
        shard.write_bytes(content[:1000])
    elif damage == "flipped":
        content[-7] ^= 1
        shard.write_bytes(content)
    elif damage == "gone":
        shard.unlink()
    else:
        (last / "manifest.json").unlink()
    before = newest(tmp_path / "trunk")
    assert before.facts["step"] == int(last.name.removeprefix("step-")) - 1
    heard = Heard()
    assert losses(train(trunk((20,)), LANGUAGE, dataset, tmp_path, progress=heard)) == losses(undisturbed)
    assert f"{last}: damaged checkpoint" in heard.warnings[0]


def test_a_checkpoint_of_another_version_is_not_guessed_at(trunk, dataset, tmp_path):
    with pytest.raises(KilledError):
        list(train(trunk(), LANGUAGE, dataset, tmp_path, checkpoint_seconds=0, progress=KillAt(4)))
    saved = newest(tmp_path / "trunk")
    store = Checkpoints(tmp_path / "trunk", Mesh("cpu"))
    store.save(5, read_tensors(tmp_path / "trunk"), saved.facts | {"version": 1})
    store.wait()
    with pytest.raises(WorkError, match="another version of scalewright"):
        list(train(trunk(), LANGUAGE, dataset, tmp_path))


def newest(folder):
    return Checkpoints(folder, Mesh("cpu")).newest()
