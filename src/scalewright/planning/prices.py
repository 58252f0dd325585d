"""What each precision costs in quality: rho, by which a plan multiplies its N before it asks the law."""

from typing import ClassVar

from scalewright.documents import Document, Reason
from scalewright.laws import Price, published_price
from scalewright.planning.ideal import BITS

STANDS_FOR = {
    "fp8": "simulated-fp8-e4m3",
    "int8": "simulated-int8",
    "int4": "simulated-int4",
    "fp4": "simulated-fp4-e2m1",
}
"""Formats whose price a simulated one tells, where it was not measured in hardware."""
_HALF = 16
"""Bits from which on a precision is taken to cost nothing until it is measured."""


class Prices(Document):
    """Prices of precisions against that of the law's runs.

    Attributes:
        reference: What the law's runs were trained in; None where that is not known.
        measured: Prices fitted to pairs of runs.
        warnings: Of pairs that no price was fitted to.
    """

    KIND: ClassVar[str] = "prices of precision"

    reference: str | None = None
    measured: tuple[Price, ...] = ()
    warnings: tuple[str, ...] = ()

    def of(self, precision: str) -> Price:
        """Of a precision: as measured; 1 for the law's own; taken as 1 from 16 bits on; below, the published default."""
        known = {price.precision: price for price in self.measured}
        if precision in known:
            return known[precision]
        if precision == self.reference:
            reason = Reason(origin="derived", text=f"rho = 1: the law's runs were trained in {precision} too")
            return Price(precision=precision, rho=1.0, reason=reason)
        simulated = known.get(STANDS_FOR.get(precision, ""))
        if simulated is not None:
            reason = Reason(origin=simulated.reason.origin, text=f"{simulated.reason.text}, simulated in fp32")
            return simulated.model_copy(update={"precision": precision, "reason": reason})
        cited = published_price(precision, BITS[precision], BITS.get(self.reference or "", 32))
        if BITS[precision] < _HALF:
            return cited
        return Price(
            precision=precision,
            rho=1.0,
            reason=Reason(
                origin="assumed",
                text=f"rho taken as 1: not measured, no pairs of runs that differ in precision alone (the published default, "
                f"Kumar et al. 2024, arXiv:2411.04330, would be {cited.rho:.3g})",
            ),
        )


UNMEASURED = Prices()
"""No pairs."""
