"""The ladder: which small runs a study makes, and what they share."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from scalewright.architectures import LlamaShape
from scalewright.documents import Document, Part, Reason


class Rung(Part):
    """One trunk of the ladder: a size with its horizons, in steps."""

    shape: LlamaShape
    horizons: tuple[int, ...]
    seed: int
    role: Literal["ladder", "repeat", "repetition"]
    """ladder, repeat (another seed, for the noise) or repetition (fewer tokens seen several times)."""
    unique_tokens: int | None = None


class Ladder(Document):
    """The small runs of a study, the settings they share, and what they will cost."""

    KIND: ClassVar[str] = "ladder"

    context: int
    batch_size: int
    warmup_steps: int
    decay_fraction: float
    base_width: int
    base_depth: int
    precision: str
    rungs: tuple[Rung, ...]
    search_shape: LlamaShape
    search_horizon: int
    target_flops: float
    """Compute that the final run is expected to have."""
    target_steps: int
    """Steps that the final run is expected to have."""
    seconds: float
    """Predicted wall time of all rungs and the search."""
    warnings: tuple[str, ...]
    """What the reader of a forecast from this ladder should know."""
    reasons: dict[str, Reason]

    @property
    def tokens_per_step(self) -> int:
        """Tokens seen in one step."""
        return self.batch_size * self.context


def trunk_steps(horizons: Sequence[int], decay_fraction: float) -> float:
    """Steps that a trunk and its branches take together."""
    trunk = horizons[-1]
    return trunk + sum(decay_fraction * horizon for horizon in horizons[:-1])
