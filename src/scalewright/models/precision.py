"""Compute precision: the weights stay in fp32, the matrix products run in what the plan says."""

from contextlib import AbstractContextManager, nullcontext

import torch

from scalewright.errors import InputError
from scalewright.models.low_bit import FORMATS

HALF = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp8": torch.bfloat16}
"""What autocast computes in; beside fp8, which is for the training's own linear maps alone, it is bf16."""


def compute_in(precision: str, device: str) -> AbstractContextManager[object]:
    """Context in which matrix products run in `precision`; norms, softmax sums and loss stay in fp32.

    Formats that are simulated compute in fp32: `simulated.simulate` has the model round what it multiplies.

    Raises:
        InputError: a precision that training does not offer.
    """
    if precision == "fp32" or precision in FORMATS:
        return nullcontext()
    if precision in HALF:
        return torch.autocast(device, HALF[precision])
    raise InputError(f"precision {precision!r}: training offers fp32, {', '.join([*HALF, *FORMATS])}")
