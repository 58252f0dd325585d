"""Matrix products in fp8 (Micikevicius et al. 2022, arXiv:2209.05433), by torchao: each tensor scaled by its largest number."""

from importlib import import_module

import torch
from torch import nn

from scalewright.errors import InputError

LEAST_CAPABILITY = {"NVIDIA": (8, 9), "AMD": (9, 4)}
"""Of a GPU that multiplies in fp8: from Ada (sm_89) and Hopper on, and from CDNA 3 (gfx94x)."""
MULTIPLE = 16
"""Of a matrix's rows and columns, for the products to take it."""


def check_fp8(precision: str, device: str, tensor: int) -> None:
    """Passes where `precision` is not fp8, or can be had here.

    Args:
        precision: Of the training.
        device: Torch device type.
        tensor: Processes that share each matrix.

    Raises:
        InputError: the hardware has no fp8, torchao is not there, or matrices are cut.
    """
    if precision != "fp8":
        return
    maker = "AMD" if torch.version.hip else "NVIDIA"
    found, least = capability(device), LEAST_CAPABILITY[maker]
    if found is None or found < least:
        what = f"device {device}" if found is None else f"a GPU of {maker}'s of capability {found[0]}.{found[1]}"
        raise InputError(
            f"precision fp8: found {what}, which has no fp8 products; expected a GPU of capability {least[0]}.{least[1]} or "
            "later: train in bf16, or in fp32"
        )
    try:
        import_module("torchao.float8")
    except ImportError as error:
        raise InputError(
            "precision fp8: torchao.float8.convert_to_float8_training does it, and torchao is not here: "
            'pip install "scalewright[fp8]", or train in bf16'
        ) from error
    if tensor > 1:
        raise InputError(
            f"precision fp8: tensor parallel {tensor} cuts its scales: lay it out over data, or train in bf16"
        )


def capability(device: str) -> tuple[int, int] | None:
    """Of this process's GPU; None where it computes on something else."""
    return torch.cuda.get_device_capability() if device == "cuda" else None


def multiply_in_fp8(model: nn.Module) -> None:
    """Has a model's linear maps multiply in fp8, in place: each becomes torchao's, its weight the same under the same name.

    The last one, which makes the logits, stays in bf16, and so does a matrix that is not of multiples of 16.
    """
    torchao = import_module("torchao.float8")
    *_, head = (name for name, module in model.named_modules() if isinstance(module, nn.Linear))

    def suits(module: nn.Module, name: str) -> bool:
        return isinstance(module, nn.Linear) and name != head and not any(n % MULTIPLE for n in module.weight.shape)

    # The gradient of a weight is a product over all positions: any number of them is filled up to a multiple.
    config = torchao.Float8LinearConfig(pad_inner_dim=True)
    torchao.convert_to_float8_training(model, module_filter_fn=suits, config=config)
