"""Weights that a training begins with: which layers take them over, and what stays as it is."""

import pickle

import pytest
import torch
from safetensors.torch import save_file

from scalewright.architectures import LlamaFamily
from scalewright.architectures.vgg import VGGShape
from scalewright.errors import InputError
from scalewright.models import Llama
from scalewright.models.hugging_face import to_hugging_face
from scalewright.models.vgg import VGG
from scalewright.planning import Recipe
from scalewright.tasks import trainable_named
from scalewright.training import Trainer, Trunk, train
from scalewright.training.checkpoint import read_tensors
from scalewright.training.configuration import Start
from scalewright.training.counting import counted_flops
from scalewright.training.start import read_weights, take_over

from ..kills import KillAt, KilledError
from ..stripes import striped_pictures

IMAGES = trainable_named("images")
EDGE = 32


def shape(classes=2, **changes):
    settings = {"pixels": EDGE, "width": 4, "hidden": (8,), "pooled": 1, "batch_norm": True}
    return VGGShape(classes=classes, **(settings | changes))


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    return striped_pictures(tmp_path_factory.mktemp("stripes"), {"train": 48, "validation": 16, "test": 16}, EDGE)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A trained network for five classes, as a file: every number of it is drawn."""
    generator = torch.Generator().manual_seed(1)
    weights = {}
    for name, value in VGG(shape(classes=5)).state_dict().items():
        drawn = 0.1 * torch.rand(value.shape, generator=generator)
        # Means, variances and gains are near 0, 1 and 1, so that nothing vanishes or explodes.
        near_one = name.endswith("running_var") or (value.ndim == 1 and name.endswith("weight"))
        weights[name] = drawn + near_one if value.is_floating_point() else torch.tensor(7)
    path = tmp_path_factory.mktemp("published") / "vgg.safetensors"
    save_file(weights, path)
    return path, weights


def trunk(pictures, start, **changes):
    return Trunk(
        task="images",
        shape=shape(),
        recipe=Recipe(learning_rate=1e-3, base_width=4, base_depth=1, batch_size=16, warmup_steps=2),
        data_hash=pictures.hash,
        horizons=(12,),
        seed=0,
        threads=1,
        start=start,
        **changes,
    )


HEAD = ("classifier.3.weight", "classifier.3.bias")  # for two classes here, for five in the file


def test_layers_that_fit_are_taken_over_and_others_are_drawn(stripes, published):
    path, known = published
    begun = Trainer(trunk(stripes, Start.of(path)), IMAGES, stripes, "cpu").weights
    drawn = Trainer(trunk(stripes, None), IMAGES, stripes, "cpu").weights
    for name, value in begun.items():
        assert torch.equal(value, drawn[name] if name in HEAD else known[name]), name


def test_a_layer_is_taken_over_whole_or_not_at_all(stripes, published, tmp_path):
    """Of a classifier of another width the bias may fit by chance."""
    _, known = published
    changed = dict(known) | {"classifier.0.weight": torch.ones(8, 99)}
    save_file(changed, tmp_path / "changed.safetensors")
    begun = Trainer(trunk(stripes, Start.of(tmp_path / "changed.safetensors")), IMAGES, stripes, "cpu").weights
    assert begun["classifier.0.bias"].shape == known["classifier.0.bias"].shape
    assert not torch.equal(begun["classifier.0.bias"], known["classifier.0.bias"])


def test_what_is_frozen_stays_and_the_rest_learns(stripes, published, tmp_path):
    path, known = published
    asked = trunk(stripes, Start.of(path, frozen=True))
    (measured,) = train(asked, IMAGES, stripes, tmp_path)
    weights = read_tensors(tmp_path / "weights")
    for name, value in weights.items():
        if name not in HEAD:
            assert torch.equal(value.view(known[name].shape), known[name]), name
    assert weights["classifier.3.weight"].abs().max() > 0  # it began at zero
    assert measured.flops < 12 * 16 * asked.shape.train_flops_per_token


def test_without_freezing_everything_learns(stripes, published, tmp_path):
    path, known = published
    list(train(trunk(stripes, Start.of(path)), IMAGES, stripes, tmp_path))
    weights = read_tensors(tmp_path / "weights")
    assert not any(torch.equal(weights[name], value) for name, value in known.items() if name not in HEAD)


def test_killed_with_frozen_weights_it_comes_to_the_same(stripes, published, tmp_path):
    asked = trunk(stripes, Start.of(published[0], frozen=True))
    (calm,) = train(asked, IMAGES, stripes, tmp_path / "calm")
    with pytest.raises(KilledError):
        list(train(asked, IMAGES, stripes, tmp_path / "killed", checkpoint_seconds=0, progress=KillAt(7)))
    (resumed,) = train(asked, IMAGES, stripes, tmp_path / "killed")
    assert (resumed.loss, resumed.curve, resumed.flops) == (calm.loss, calm.curve, calm.flops)


def test_what_is_in_the_file_decides_not_where_it_lies(stripes, published, tmp_path):
    path, known = published
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(path.read_bytes())
    save_file(dict(known) | {"features.0.bias": torch.zeros(4)}, tmp_path / "other.safetensors")
    address = trunk(stripes, Start.of(path)).address
    assert trunk(stripes, Start.of(moved)).address == address
    others = (None, Start.of(path, frozen=True), Start.of(tmp_path / "other.safetensors"))
    assert len({address, *(trunk(stripes, other).address for other in others)}) == 4


def test_weights_as_torch_saves_them(published, tmp_path):
    _, known = published
    torch.save(known, tmp_path / "vgg.pth")
    found = read_weights(tmp_path / "vgg.pth")
    assert found.keys() == known.keys()
    assert all(torch.equal(found[name], known[name]) for name in known)


class Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("code in a file of weights was run",))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.safetensors", b"no header"),
        ("a.pth", b"no zip"),
        ("a.pth", pickle.dumps(Trap())),
        ("a.pth", b""),
    ],
)
def test_files_without_weights_are_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="not a file of weights"):
        read_weights(tmp_path / name)


def test_a_whole_model_is_no_state_dict(tmp_path):
    torch.save({"weights": {"a": torch.ones(1)}}, tmp_path / "nested.pth")
    with pytest.raises(InputError, match="expected a state dict"):
        read_weights(tmp_path / "nested.pth")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        Start.of(tmp_path / "nothing.pth")


def test_weights_of_another_width_fit_nowhere(stripes, tmp_path):
    save_file({f"blocks.{number}": torch.ones(3) for number in range(4)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"no layer of its 4 tensors \(blocks\.0, blocks\.1, blocks\.2"):
        Trainer(trunk(stripes, Start.of(tmp_path / "other.safetensors")), IMAGES, stripes, "cpu")


@pytest.mark.parametrize("batch_norm", [True, False])
def test_flops_of_part_of_the_weights(stripes, batch_norm):
    """All of them: the shape's own formula. The classifier alone: its gradients, and none of its first layer's inputs."""
    vgg = shape(batch_norm=batch_norm, hidden=(8, 6))
    batch = IMAGES.batches(stripes, vgg, 4, 0, None)(0)
    assert counted_flops(IMAGES, vgg, batch, ()) == vgg.train_flops_per_token
    (first, *others) = (2 * inputs * outputs for inputs, outputs in vgg.linear)
    features = [name for name, _ in VGG(vgg).named_parameters() if name.startswith("features")]
    assert counted_flops(IMAGES, vgg, batch, features) == vgg.forward_flops_per_image + first + 2 * sum(others)


def test_where_all_of_it_is_frozen_nothing_is_left_to_train(stripes, tmp_path):
    save_file(VGG(shape()).state_dict(), tmp_path / "same.safetensors")
    with pytest.raises(InputError, match="every weight is frozen and nothing left to train"):
        Trainer(trunk(stripes, Start.of(tmp_path / "same.safetensors", frozen=True)), IMAGES, stripes, "cpu")


def test_a_llama_as_transformers_names_it(tmp_path):
    """All layers of one that `save_model` wrote, and not its head alone, which has the same name in both."""
    llama = LlamaFamily(vocabulary=11, context=8).shape(16)
    model = Llama(llama)
    save_file(to_hugging_face(model.state_dict()), tmp_path / "model.safetensors")
    other = Llama(llama)
    taken = take_over(other, Start.of(tmp_path / "model.safetensors"))
    assert taken == model.state_dict().keys()
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in other.state_dict().items())
