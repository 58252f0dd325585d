"""How long and how hot a model is trained: the settings that a whole study shares, each with its reason."""

from pydantic import Field

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
    reasons: dict[str, Reason] = Field(default_factory=dict)

    @property
    def deciding(self) -> dict[str, object]:
        """What decides a result: everything but the reasons."""
        return self.model_dump(mode="json", exclude={"reasons"})


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
