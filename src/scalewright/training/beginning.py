"""A model's first weights: each process holds its own part of them, and never the whole model."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn.modules.module import register_module_parameter_registration_hook

from scalewright.models.parametrisation import Draw, Roles, initialise


@contextmanager
def weightless() -> Iterator[None]:
    """Modules built inside have their weights on the device `meta`: shapes without memory. Buffers are as they are built."""
    # For all modules of this process, whichever thread builds them: so it is for as long as one model takes.
    hook = register_module_parameter_registration_hook(_on_meta)  # type: ignore[arg-type]
    try:
        yield
    finally:
        hook.remove()


def begin(model: nn.Module, parts: Sequence[nn.Module], roles: Roles, seed: int, device: str) -> None:
    """Gives `parts` of a weightless model memory and their first weights, in place.

    All weights are drawn on every process, one after the other and from one generator, as on one process, and are the same bit
    for bit; what is another process's is forgotten before the next is drawn. The peak is a process's own part and one weight.

    Args:
        model: Whole, its weights laid out as they will stay.
        parts: Its modules whose weights this process holds, each in whole or in part.
        roles: Of its weights.
        seed: What they are drawn from.
        device: Where they will be.
    """
    for part in parts:
        buffers = dict(part.named_buffers())
        part.to_empty(device=device)
        for name, buffer in part.named_buffers():
            buffer.copy_(buffers[name])
    initialise(model, roles, seed, put_own)


@torch.no_grad()
def put_own(weight: Tensor, draw: Draw) -> None:
    """Fills a weight, or this process's part of it, with what `draw` makes of the whole."""
    if weight.device.type == "cpu" and not isinstance(weight, DTensor):
        draw(weight)
        return
    whole = draw(torch.empty(weight.shape, dtype=weight.dtype))
    if weight.device.type == "meta":  # another process's, drawn for those that follow
        return
    if isinstance(weight, DTensor):
        # Where in the whole this process's part lies, as checkpoints ask for it.
        (own,) = weight.__create_chunk_list__()  # type: ignore[no-untyped-call]
        places = tuple(slice(begin, begin + size) for begin, size in zip(own.offsets, own.sizes, strict=True))
        weight.to_local().copy_(whole[places])
    else:
        weight.copy_(whole)


def _on_meta(module: nn.Module, name: str, parameter: nn.Parameter | None) -> nn.Parameter | None:
    return None if parameter is None else nn.Parameter(parameter.to("meta"), parameter.requires_grad)
