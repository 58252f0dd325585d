"""What a trained model has to keep to when it is served, and what its tokens cost."""

from dataclasses import dataclass

from scalewright.architectures.decoder import Decoder
from scalewright.errors import InputError

WEIGHT_BYTES = 2
"""Served in half precision, its cache as well; compression comes after training and only lowers it."""
FORWARD_SHARE = 1 / 3
"""Of a training token's FLOPs, what a served token costs."""


@dataclass(frozen=True)
class Serving:
    """Limits of the served model; None where there is none.

    Attributes:
        memory_bytes: Of its weights and one sequence's keys and values.
        seconds_per_token: Of generating for one reader.
        tokens: To be served in the model's life, out of the same budget as the training (Sardana et al. 2024,
            arXiv:2401.00448).
    """

    memory_bytes: float | None = None
    seconds_per_token: float | None = None
    tokens: float | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not value > 0:
                raise InputError(f"serving {name}: found {value:g}, expected a positive limit")

    @property
    def training_tokens(self) -> float:
        """Training tokens that cost as much as what is to be served."""
        return FORWARD_SHARE * (self.tokens or 0.0)

    def allows(self, memory_bytes: float, seconds_per_token: float) -> bool:
        """Whether a model keeps to it."""
        return memory_bytes <= (self.memory_bytes or memory_bytes) and seconds_per_token <= (
            self.seconds_per_token or seconds_per_token
        )


ANY = Serving()
"""No limit."""


def serving_bytes(shape: Decoder) -> float:
    """Memory of a served model: its weights, and the keys and values of one sequence of full length."""
    cache = 2 * shape.depth * shape.kv_width * shape.context
    return float(WEIGHT_BYTES * (shape.params_total + cache))


def read_bytes(shape: Decoder) -> float:
    """Bytes that generating one token reads: every weight but the looked-up embedding, and on average half a cache."""
    cache = shape.depth * shape.kv_width * shape.context
    return float(WEIGHT_BYTES * (shape.params + cache))
