"""What a report tells: everything measured, fitted, planned and scored in one project."""

from dataclasses import dataclass

from scalewright.compression import Variant
from scalewright.data import DatasetManifest
from scalewright.laws import Law
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
    """All rungs: roles ladder, repeat, repetition; and the search runs."""
    law: Law
    plan: Plan
    final: Run
    forecasts: tuple[Forecast, ...]
    """Scored: loss and seconds."""
    variants: tuple[Variant, ...]
    sample_prompt: str
    sample: str
    """Text that the model wrote after the prompt."""
    seconds: float
    """Of everything, wall time."""


__all__ = ["ReportContent", "Variant"]
