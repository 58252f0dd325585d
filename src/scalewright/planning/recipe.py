"""How long and how hot a model is trained: the settings that a whole study shares, each with its reason."""

from typing import Self

from pydantic import Field, model_validator

from scalewright.documents import Part, Reason

RECIPE_VERSION = 1
"""Raised by hand when training changes in a way that changes results: earlier runs are then not mixed with later ones."""


class Recipe(Part):
    """Settings shared by every run of a study; what differs between runs is shape, tokens and seed."""

    version: int = RECIPE_VERSION
    learning_rate: float
    """Of matrices at `base_width`; see `parametrisation` for every other width and depth."""
    base_width: int
    base_depth: int
    batch_size: int
    """Sequences per step."""
    warmup_steps: int
    decay_fraction: float = 0.2
    weight_decay: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.95
    epsilon: float = 1e-10
    clip: float = 1.0
    precision: str = "fp32"
    evaluate_every: int | None = None
    """Steps between evaluations on the validation split, for early stopping."""
    patience: int | None = None
    """Evaluations without a lower loss after which training stops, its best weights restored; None: it runs to its end."""
    reasons: dict[str, Reason] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _stopping_is_whole(self) -> Self:
        if (self.patience is None) != (self.evaluate_every is None):
            raise ValueError("patience and evaluate_every: expected both or neither")
        return self

    @property
    def deciding(self) -> dict[str, object]:
        """What decides a result: everything but the reasons, and what is off."""
        return self.model_dump(mode="json", exclude={"reasons"}, exclude_none=True)


DEFAULT_REASONS = {
    "decay_fraction": Reason(
        origin="cited",
        text="a linear decay over the last 20 % of the steps matches a tuned cosine "
        "(Hägele et al. 2024, arXiv:2405.18392), and horizons can share a trunk",
    ),
    "betas": Reason(origin="cited", text="0.9 and 0.95 (Brown et al. 2020, arXiv:2005.14165)"),
    "epsilon": Reason(
        origin="derived",
        text="1e-10: far below the gradients of every width, so that it never acts (Dey et al. 2025, arXiv:2505.01618)",
    ),
    "clip": Reason(origin="cited", text="gradient norm at most 1 (Brown et al. 2020, arXiv:2005.14165)"),
}
