"""What size and data buy: forms of scaling law, their fit to a ladder of runs, forecasts with intervals,
allocation."""

from scalewright.laws.allocation import Allocation, allocate
from scalewright.laws.fit import fit
from scalewright.laws.forms import FORMS, Form, Prior, Term
from scalewright.laws.ladder import Ladder, Points, Standard
from scalewright.laws.law import FittedForm, Law, Prediction, Support
from scalewright.laws.repetition import R_STAR, effective_tokens

__all__ = [
    "FORMS",
    "R_STAR",
    "Allocation",
    "FittedForm",
    "Form",
    "Ladder",
    "Law",
    "Points",
    "Prediction",
    "Prior",
    "Standard",
    "Support",
    "Term",
    "allocate",
    "effective_tokens",
    "fit",
]
