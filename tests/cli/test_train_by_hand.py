"""Pictures prepared, and trainings described by hand, as a user types them."""

import json
import subprocess
import sys

import numpy as np
import pytest

from scalewright.ledger import Ledger
from scalewright.models.vgg_folder import load_vgg

from ..stripes import striped_pictures

VGG = """
task = "images"
epochs = 14
batch_size = 16
[model]
width = 4
hidden = [256, 256]
pooled = 1
batch_norm = true
[recipe]
learning_rate = 0.002
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with pictures of stripes that lie or stand, `stripes`, and letters, `text`."""
    folder = tmp_path_factory.mktemp("place")
    striped_pictures(folder / "stripes", {"train": 24, "validation": 6, "test": 8}, 32)
    generator = np.random.default_rng(0)
    (folder / "text").mkdir()
    for number in range(12):
        letters = "".join(generator.choice(list("abcd "), size=4000))
        (folder / "text" / f"{number}.txt").write_text(letters)
    return folder


def train(place, file, *options, processes=1, data="pictures"):
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m"]
    command = [*start, "scalewright", "train", file, "--data", data, "--json", *options]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write(place, text, name="vgg.toml"):
    (place / name).write_text(text)
    return name


@pytest.fixture(scope="module")
def pictures(place):
    command = ["prepare", "stripes", "--pixels", "32", "--out", "pictures", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "scalewright", *command], cwd=place, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_pictures_are_prepared_trained_on_and_named(place, pictures):
    assert pictures["classes"] == ["lying", "standing"]
    assert {name: split["pictures"] for name, split in pictures["splits"].items()} == {
        "train": 48,
        "validation": 12,
        "test": 16,
    }
    file = write(place, VGG)
    found = train(place, file, "--out", "run")
    assert found["metrics"]["test_accuracy"] > 0.9
    model, classes = load_vgg(place / "run" / "model")
    assert classes == ("lying", "standing")
    assert (model.shape.width, model.shape.hidden, model.training) == (4, (256, 256), False)
    with Ledger.open(place / "run" / "ledger.db") as ledger:
        (run,) = ledger.runs()
    # Data are distinct pictures, however often they are seen; what was computed is not: 14 epochs of 48 in batches of 16.
    assert (run.task, run.tokens, run.unique_tokens, run.tokenizer_hash) == ("images", 48, 48, None)
    assert run.flops == 672 * model.shape.train_flops_per_token
    assert train(place, file, "--out", "run") == found


def test_a_head_is_trained_on_frozen_features(place, pictures):
    train(place, write(place, VGG), "--out", "whole")
    text = (
        VGG.replace("hidden = [256, 256]", "hidden = [256]")
        + '[start]\nweights = "whole/model/model.safetensors"\nfrozen = true\n'
    )
    found = train(place, write(place, text, "head.toml"), "--out", "head")
    assert found["metrics"]["test_accuracy"] > 0.9
    whole, head = (load_vgg(place / name / "model")[0] for name in ("whole", "head"))
    assert all((a == b).all() for a, b in zip(whole.features.parameters(), head.features.parameters(), strict=True))


def test_a_language_model_by_hand(place, call):
    assert call("prepare", place / "text", "--out", place / "letters", "--tokenizer", "bytes")[0] == 0
    text = 'task = "language"\nsteps = 30\nbatch_size = 4\n[model]\nwidth = 16\ncontext = 16\ndepth = 2\n'
    text += '[recipe]\noptimiser = "muon"\nlearning_rate = 0.01\n'
    found = train(place, write(place, text, "llama.toml"), "--out", "llama", data="letters")
    # Five letters, equally likely.
    assert found["test_loss"] < np.log(257)
    with Ledger.open(place / "llama" / "ledger.db") as ledger:
        (run,) = ledger.runs()
    assert (run.params, run.context, run.tokens) == (2 * (4 * 256 + 3 * 16 * 48) + 257 * 16, 16, 30 * 4 * 16)
    assert run.configuration["recipe"]["optimiser"] == "muon"


@pytest.mark.slow
def test_two_processes_name_pictures_as_one_does(place, pictures):
    # What dropout leaves out is drawn by each process for its own rows.
    file = write(place, VGG.replace("epochs = 14", "steps = 6") + "dropout = 0.0\n")
    alone = train(place, file, "--out", "alone")
    together = train(place, file, "--out", "together", processes=2)
    assert together["loss"] == pytest.approx(alone["loss"], rel=1e-2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("epochs = 14", ""), "epochs and steps: found neither, expected one of them"),
        (("epochs = 14", "epochs = 14\nsteps = 3"), "epochs and steps: found both, expected one of them"),
        (('"images"', '"sounds"'), "task: found 'sounds', expected one of language, images"),
        (("width = 4", "wide = 4"), "model.wide: not a known field"),
        (("width = 4", 'width = "4"'), "model.width: Input should be a valid integer (found '4')"),
        (("learning_rate", "leaning_rate"), "recipe.leaning_rate: not a known field; learning_rate is one"),
        (("batch_size", "bach_size"), "vgg.toml: bach_size: not a known field; batch_size is one"),
        (("width = 4", "width = 100_000"), "GiB, this machine has"),
        (("[recipe]", '[start]\nweights = "vgg.toml"\n[recipe]'), "vgg.toml: not a file of weights"),
        (("batch_size = 16", "evaluate_every = 3"), "evaluate_every: found it without patience"),
        (("[recipe]", '[start]\nweights = "no.pth"\n[recipe]'), "no.pth: no such file"),
        (("[recipe]", '[layout]\nsharding = "half"\n[recipe]'), "layout.sharding"),
        (("task =", "task"), "not TOML"),
    ],
)
def test_what_does_not_fit_is_told(place, pictures, refusal, change, said):
    file = place / write(place, VGG.replace(*change))
    assert said in refusal("train", file, "--data", place / "pictures", "--out", place / "refused")
    assert not (place / "refused").exists()


def test_prepare_takes_text_or_pictures(place, refusal):
    out = ("--out", place / "nothing")
    assert "--pixels" in refusal("prepare", place / "stripes", "--pixels", "32", "--tokenizer", "bytes", *out)
    assert "DATA: found none" in refusal("prepare", "--pixels", "32", *out)
    assert "expected a positive number" in refusal("prepare", place / "stripes", "--pixels", "0", *out)
    assert "vgg.toml" in refusal("train", place / "missing.toml", "--data", place / "stripes", *out)


def test_data_of_another_task_are_told(place, pictures, refusal):
    text = 'task = "language"\nsteps = 3\n[model]\nwidth = 16\ncontext = 16\n'
    file = place / write(place, text, "llama.toml")
    said = refusal("train", file, "--data", place / "pictures", "--out", place / "refused")
    assert "pictures: prepared pictures, expected text" in said
    said = refusal("train", file, "--data", place / "text", "--out", place / "refused")
    assert "`scalewright prepare" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("width", "widht"), "model.widht: not a known field; width is one"),
        (("context = 16", "context = 16\ndept = 2"), "model.dept: not a known field; depth is one"),
        (("context = 16", "context = 100_000_000"), "model.context: 100,000,000 tokens, and the training text has"),
        (("width = 16", "width = 1_000_000"), "GiB, this machine has"),
        (("width = 16\ncontext = 16", "width = 16\ncontext = 32_000\ndepth = 9_999"), "params and one row need"),
        (("steps", 'precision = "fp8"\nsteps'), "precision fp8: found device cpu"),
    ],
)
def test_a_model_that_cannot_be_is_refused_before_anything_begins(place, call, refusal, change, said):
    call("prepare", place / "text", "--out", place / "letters", "--tokenizer", "bytes")
    text = 'task = "language"\nsteps = 3\n[model]\nwidth = 16\ncontext = 16\n'
    file = place / write(place, text.replace(*change), "llama.toml")
    assert said in refusal("train", file, "--data", place / "letters", "--out", place / "refused")
    assert not (place / "refused").exists()


def test_another_run_s_model_is_replaced_with_a_word(place, call):
    call("prepare", place / "text", "--out", place / "letters", "--tokenizer", "bytes")
    said, runs = [], []
    for steps in (2, 2, 3):
        text = f'task = "language"\nsteps = {steps}\nbatch_size = 4\n[model]\nwidth = 16\ncontext = 16\ndepth = 2\n'
        file = place / write(place, text, "llama.toml")
        _, out, err = call("train", file, "--data", place / "letters", "--out", place / "twice", "--json")
        runs.append(json.loads(out)["run"])
        said.append("in the place of the model of run" in err)
        assert json.loads((place / "twice" / "model" / "card.json").read_text())["run"] == runs[-1]
    assert runs[0] == runs[1] != runs[2]
    assert said == [False, False, True]
