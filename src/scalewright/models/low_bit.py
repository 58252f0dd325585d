"""Low-bit formats simulated in fp32: the nearest of the few numbers that a format has."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

_EXPONENT = 0x7F800000  # of an fp32 number's bits: alone they are the power of two at or below its size


class Format(Protocol):
    """Numbers that few bits tell apart."""

    @property
    def largest(self) -> float:
        """The largest of them."""

    def round(self, x: Tensor) -> Tensor:
        """The nearest to each of `x`, fp32, the even one of two as near; what is larger than the largest becomes that."""


@dataclass(frozen=True)
class Floating:
    """Sign, exponent and mantissa, subnormal numbers among them, without infinities.

    Attributes:
        least: Exponent of the smallest normal number.
        mantissa: Bits after the leading one.
        largest: Largest finite number.
    """

    least: int
    mantissa: int
    largest: float

    def round(self, x: Tensor) -> Tensor:
        """To a multiple of the spacing at each number's size."""
        power = (x.view(torch.int32) & _EXPONENT).view(torch.float32)
        spacing = power.clamp_min_(2.0**self.least).mul_(2.0**-self.mantissa)
        return torch.round(x / spacing).mul_(spacing).clamp_(-self.largest, self.largest)


@dataclass(frozen=True)
class Whole:
    """Whole numbers from -largest to largest: two's complement without its lowest number, so that zero is the middle."""

    largest: float

    def round(self, x: Tensor) -> Tensor:
        """To the nearest whole number."""
        return torch.round(x).clamp_(-self.largest, self.largest)


FORMATS: dict[str, Format] = {
    "simulated-fp8-e4m3": Floating(least=-6, mantissa=3, largest=448.0),
    "simulated-int8": Whole(127.0),
    "simulated-int4": Whole(7.0),
    "simulated-fp4-e2m1": Floating(least=0, mantissa=1, largest=6.0),
}
"""By the name of the precision. e4m3: Micikevicius et al. 2022, arXiv:2209.05433; e2m1: Open Compute Project, Microscaling
Formats 1.0 (Rouhani et al. 2023, arXiv:2310.10537)."""


def rounded_rows(x: Tensor, form: Format) -> Tensor:
    """`x` [..., n] in a format, in fp32: each row times its scale, so that its largest number is the format's largest.

    Rows are a token's values or an output's weights: what a row becomes depends on no other, so that neither micro-batches nor
    replicas change it.
    """
    x = x.float()
    largest = torch.linalg.vector_norm(x, torch.inf, -1, keepdim=True)
    scale = largest.div_(form.largest).clamp_min_(torch.finfo(torch.float32).tiny)
    return form.round(x / scale).mul_(scale)
