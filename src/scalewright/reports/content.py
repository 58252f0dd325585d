"""What a report tells: everything measured, fitted, planned and scored in one project."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scalewright.compression import Variant
from scalewright.data import DatasetManifest
from scalewright.laws import Law, Supply
from scalewright.ledger import Forecast, Run
from scalewright.machines import Machine
from scalewright.planning import Ladder, Plan


@dataclass(frozen=True)
class ReportContent:
    """The report's input."""

    name: str
    loss_unit: str
    machine: Machine
    dataset: DatasetManifest
    ladder: Ladder
    runs: tuple[Run, ...]
    """Those that the law was fitted to."""
    search: tuple[Run, ...]
    """Those that were tried for the learning rate."""
    law: Law
    plan: Plan
    final: Run
    forecasts: tuple[Forecast, ...]
    """Loss and seconds, with what was measured."""
    known_before: bool
    """Whether the run was trained, for another plan, before these forecasts were made."""
    variants: tuple[Variant, ...]
    sample_prompt: str
    sample: str
    """Text that the model wrote after the prompt."""
    seconds: float
    """Of everything, wall time; of each stage the attempt that finished it."""

    def unique(self, tokens: ArrayLike) -> NDArray[np.float64]:
        """Unique tokens, as the law counts them, among so many that are trained on."""
        if self.dataset.mixture:
            return self.dataset.supply.unique(tokens)
        return Supply((self.plan.unique_tokens,)).unique(tokens)


__all__ = ["ReportContent", "Variant"]
