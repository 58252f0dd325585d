"""A VGG's folder, written and read: `model.safetensors` as torchvision names its weights, `config.json` and `card.json`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from scalewright.architectures.vgg import VGGShape
from scalewright.errors import InputError
from scalewright.files import atomic_path, write_atomic
from scalewright.models.vgg import VGG

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "card.json"
VGG_TYPE = "scalewright_vgg"


def save_vgg(model: VGG, classes: Sequence[str], folder: Path, card: Mapping[str, Any]) -> Path:
    """Writes a VGG and the names of its classes, in the order of its logits; returns the path of the weights."""
    path = folder / WEIGHTS
    with atomic_path(path) as part:
        save_file({name: value.contiguous() for name, value in model.state_dict().items()}, part)
    config = {"model_type": VGG_TYPE, "shape": model.shape.model_dump(mode="json"), "class_names": list(classes)}
    write_atomic(folder / CONFIG, json.dumps(config, indent=2, ensure_ascii=False) + "\n")
    write_atomic(folder / CARD, json.dumps(dict(card), indent=2, ensure_ascii=False) + "\n")
    return path


def load_vgg(folder: Path) -> tuple[VGG, tuple[str, ...]]:
    """Reads a VGG, ready to be evaluated, and the names of its classes.

    Raises:
        InputError: a file is missing, damaged or does not fit the others.
    """
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: {name} is missing; expected the folder of a trained VGG")
    try:
        config = json.loads((folder / CONFIG).read_text())
        shape, classes = VGGShape.model_validate(config["shape"]), tuple(config["class_names"])
        model = VGG(shape)
        model.load_state_dict(load_file(folder / WEIGHTS))
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        first = str(error).partition("\n")[0]
        raise InputError(f"{folder}: not the folder of a trained VGG ({first}): train it again") from None
    return model.eval(), classes
