"""What a finished project answers."""

from typing import ClassVar

from scalewright.compression import Variant
from scalewright.documents import Document, Part


class ForecastAnswer(Part):
    """The forecast made before the final run."""

    loss: float
    low: float
    high: float
    level: float
    extrapolation: float


class LossAnswer(Part):
    """A measured loss."""

    loss: float


class Outcome(Document):
    """`run --json` prints this."""

    KIND: ClassVar[str] = "outcome"

    forecast: ForecastAnswer
    measured: LossAnswer
    error: float
    """Measured over forecast, less one."""
    inside: bool
    known_before: bool
    """Whether the final run had been trained, for another plan, before its forecast was made: then it is no test of it."""
    test: LossAnswer
    loss_unit: str
    compute_ratio: float
    """FLOPs of the final run over those of the largest ladder run."""
    plan: str
    model: str
    compressed: str
    report: str
    variants: tuple[Variant, ...]
    seconds: float
    """Wall time of all stages, of each the attempt that finished it."""

    def lines(self) -> list[str]:
        """The last lines on the terminal: what was forecast, what was measured."""
        forecast, measured = self.forecast, self.measured
        head = f"forecast  {forecast.loss:.3f} {self.loss_unit}"
        return [
            f"{head}   {forecast.level * 100:.0f} %: {forecast.low:.3f} – {forecast.high:.3f}   "
            f"{forecast.extrapolation:.1f}x beyond the ladder",
            f"measured  {measured.loss:.3f}".ljust(len(head))
            + f"   error {self.error:+.1%}".replace("%", " %")
            + f", {'inside' if self.inside else 'outside'}"
            + (", but known before the forecast" if self.known_before else ""),
        ]
