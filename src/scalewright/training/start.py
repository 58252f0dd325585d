"""Weights of another model that a training begins with: taken over by name, and frozen if they are to stay."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from scalewright.errors import InputError
from scalewright.models.hugging_face import DECODER, HEAD
from scalewright.training.beginning import put_own
from scalewright.training.configuration import Start


def take_over(model: nn.Module, start: Start) -> frozenset[str]:
    """Gives the layers of `model` whose tensors are all in the file, with the same names and sizes, those tensors' values.

    The last layers of a model made for other classes, or other sizes, do not fit and keep their first values. Returns the names
    of what was taken over.

    Args:
        model: Its weights as drawn, in whole or this process's part of them; changed in place.
        start: What to begin with.

    Raises:
        InputError: the file holds no tensors, or none of them fits.
    """
    known = read_weights(start.path)
    taken: set[str] = set()
    for layer in fitting(model, known, start.path):
        module, before = model.get_submodule(layer), f"{layer}." if layer else ""
        for key, tensor in _tensors(module):
            put_own(tensor, partial(_copied, known[f"{before}{key}"]))
            taken.add(f"{before}{key}")
        if start.frozen:
            _freeze(module)
    return frozenset(taken)


def fitting(model: nn.Module, known: Mapping[str, Tensor], path: Path) -> list[str]:
    """Names of the layers that take all of their tensors from those of the file at `path`.

    Raises:
        InputError: there is none.
    """
    found = []
    for name, module in model.named_modules():
        before = f"{name}." if name else ""
        own = {f"{before}{key}": tensor.shape for key, tensor in _tensors(module)}
        if own and all(key in known and known[key].shape == shape for key, shape in own.items()):
            found.append(name)
    if not found:
        raise InputError(
            f"{path}: no layer of its {len(known)} tensors ({', '.join(list(known)[:3])}, ...) has the names and sizes "
            "of the model's: name weights of the same architecture and width"
        )
    return found


def read_weights(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a file, by name; no code in it is run.

    Raises:
        InputError: it holds no tensors by name.
    """
    try:
        safe = path.suffix == ".safetensors"
        found = load_file(path) if safe else torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # on what is no pickle, torch's unpickler fails in any way
        first = str(error).partition("\n")[0]
        raise InputError(f"{path}: not a file of weights ({first}): expected safetensors, or a state dict") from None
    if isinstance(found, dict) and all(name.startswith(DECODER) or name == HEAD for name in found):
        found = {name.removeprefix(DECODER): tensor for name, tensor in found.items()}  # of transformers' Llamas
    if not isinstance(found, dict) or not all(isinstance(each, Tensor) for each in found.values()):
        raise InputError(f"{path}: a {type(found).__name__}, expected a state dict: tensors by name")
    return found


def _tensors(module: nn.Module) -> list[tuple[str, Tensor]]:
    # Buffers that are not kept are functions of the shape.
    kept = module.state_dict(keep_vars=True)
    own = (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
    return [(name, tensor) for name, tensor in own if name in kept]


def _copied(values: Tensor, into: Tensor) -> Tensor:
    return into.copy_(values)


def _freeze(module: nn.Module) -> None:
    for parameter in module.parameters(recurse=False):
        parameter.requires_grad_(False)
    if isinstance(module, nn.BatchNorm2d):
        # Its mean and variance are part of what stays, also while the rest is trained.
        module.eval()
        module.train = lambda mode=True: module  # type: ignore[method-assign]
