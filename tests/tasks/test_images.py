"""Pictures as a task: fed, scored and learned."""

import numpy as np
import pytest
import torch

from scalewright.architectures import VGGFamily
from scalewright.planning import Recipe
from scalewright.tasks import evaluate, trainable_named
from scalewright.tasks.images import DEVIATIONS, MEANS, normalised
from scalewright.training import Trunk, train
from scalewright.training.checkpoint import read_tensors

from ..kills import KillAt, KilledError
from ..stripes import striped_pictures

IMAGES = trainable_named("images")
EDGE = 32


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    return striped_pictures(tmp_path_factory.mktemp("stripes"), {"train": 48, "validation": 16, "test": 16}, EDGE)


def trunk(pictures, **changes):
    settings = {"learning_rate": 2e-3, "base_width": 4, "base_depth": 1, "batch_size": 16, "warmup_steps": 2}
    return Trunk(
        task="images",
        shape=VGGFamily(classes=2, pixels=EDGE, pooled=1).shape(4),
        recipe=Recipe(**(settings | changes.pop("recipe", {}))),
        data_hash=pictures.hash,
        horizons=(40,),
        **({"seed": 0, "threads": 1} | changes),
    )


def test_pictures_are_normalised():
    picture = torch.tensor([[[[0, 128, 255]]]], dtype=torch.uint8)
    expected = [
        (value / 255 - mean) / deviation
        for value, mean, deviation in zip((0, 128, 255), MEANS, DEVIATIONS, strict=True)
    ]
    assert normalised(picture).flatten().tolist() == pytest.approx(expected)
    assert normalised(picture).shape == (1, 3, 1, 1)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_stripes_are_told_apart(stripes, tmp_path, precision):
    (measured,) = train(trunk(stripes, recipe={"precision": precision}), IMAGES, stripes, tmp_path)
    assert measured.metrics["accuracy"] > 0.9
    assert measured.tokens == 40 * 16
    assert measured.flops == 40 * 16 * trunk(stripes).shape.train_flops_per_token


def test_evaluation_is_the_mean_over_the_whole_split(stripes):
    torch.manual_seed(0)
    model = IMAGES.build(trunk(stripes).shape)
    scores = evaluate(IMAGES, model, stripes, "test", "fp32")
    assert model.training
    pictures, labels = stripes.split("test").take(np.arange(32))
    with torch.no_grad():
        logits = model.eval()(normalised(torch.from_numpy(pictures)))
    assert scores.loss == pytest.approx(torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels)).item())
    assert scores.metrics["accuracy"] == np.mean(logits.argmax(1).numpy() == labels)


def test_killed_and_resumed_dropout_and_statistics_are_the_same(stripes, tmp_path):
    (calm,) = train(trunk(stripes), IMAGES, stripes, tmp_path / "calm")
    with pytest.raises(KilledError):
        list(train(trunk(stripes), IMAGES, stripes, tmp_path / "killed", checkpoint_seconds=0, progress=KillAt(17)))
    (resumed,) = train(trunk(stripes), IMAGES, stripes, tmp_path / "killed")
    assert (resumed.loss, resumed.metrics, resumed.curve) == (calm.loss, calm.metrics, calm.curve)
    weights = [read_tensors(tmp_path / folder / "weights") for folder in ("calm", "killed")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_rates_and_starts_follow_the_width():
    """Yang et al. 2022, table 8: hidden deviations 1/√fan-in, Adam rates 1/fan-in, the first layer's rate constant."""
    recipe = Recipe(learning_rate=1.0, base_width=4, base_depth=1, batch_size=1, warmup_steps=1)
    family = VGGFamily(classes=2, pixels=EDGE, pooled=1)
    narrow, wide = (IMAGES.roles(IMAGES.build(family.shape(width)), recipe) for width in (4, 16))
    for name, role in narrow.items():
        first_or_vector = name == "features.0.weight" or not role.decays
        assert wide[name].widening == (1 if first_or_vector else 4)
        assert role.widening == 1
        if role.deviation:
            assert role.deviation / wide[name].deviation == pytest.approx(1 if name == "features.0.weight" else 2)
