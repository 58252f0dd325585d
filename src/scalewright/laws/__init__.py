"""What size and data buy: forms of scaling law, their fit to runs, forecasts with intervals, allocation."""

from scalewright.laws.allocation import Allocation, allocate, allocate_for_loss, lifetime, six_n_d
from scalewright.laws.envelope import EnvelopeFit, Flag, PowerLaw, fit_envelope
from scalewright.laws.fit import fit, fit_inputs
from scalewright.laws.forms import FORMS, Form, Parameter, Prior
from scalewright.laws.isoflop import IsoflopFit, Optimum, fit_isoflops
from scalewright.laws.law import FittedForm, Law, Prediction, Support
from scalewright.laws.price import Price, fit_price, published_price
from scalewright.laws.proposal import NextRun, Proposal, propose
from scalewright.laws.repetition import R_STAR
from scalewright.laws.runs import Points, Runs, Standard
from scalewright.laws.supply import Supply

__all__ = [
    "FORMS",
    "R_STAR",
    "Allocation",
    "EnvelopeFit",
    "FittedForm",
    "Flag",
    "Form",
    "IsoflopFit",
    "Law",
    "NextRun",
    "Optimum",
    "Parameter",
    "Points",
    "PowerLaw",
    "Prediction",
    "Price",
    "Prior",
    "Proposal",
    "Runs",
    "Standard",
    "Supply",
    "Support",
    "allocate",
    "allocate_for_loss",
    "fit",
    "fit_envelope",
    "fit_inputs",
    "fit_isoflops",
    "fit_price",
    "lifetime",
    "propose",
    "published_price",
    "six_n_d",
]
