"""What size and data buy: forms of scaling law, their fit to runs, forecasts with intervals, allocation."""

from scalewright.laws.allocation import Allocation, allocate
from scalewright.laws.fit import fit, fit_inputs
from scalewright.laws.forms import FORMS, Form, Parameter, Prior
from scalewright.laws.law import FittedForm, Law, Prediction, Support
from scalewright.laws.repetition import R_STAR
from scalewright.laws.runs import Points, Runs, Standard

__all__ = [
    "FORMS",
    "R_STAR",
    "Allocation",
    "FittedForm",
    "Form",
    "Law",
    "Parameter",
    "Points",
    "Prediction",
    "Prior",
    "Runs",
    "Standard",
    "Support",
    "allocate",
    "fit",
    "fit_inputs",
]
