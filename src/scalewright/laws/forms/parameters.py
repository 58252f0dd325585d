"""The parameters that forms share, with their weak priors.

Inputs are in units of their geometric means and losses in units of the smallest one seen, so that priors speak of exponents
and of shares of the loss. They were chosen, in round numbers, by what they make of the larger runs of public tables
(arXiv:2203.15556, 2406.19146, 2502.18969, 2503.04715) and of our own ladders (docs/log.md, 2026-11-25). The floor is a share of
the smallest loss, 0.45 to 0.69 within one sd. A term is a share of the loss at the centre of the data, 0.07 to 1.3. Exponents
are 0.3, 0.18 to 0.49: published ones go from 0.07 (words, Hestness et al. 2017, arXiv:1712.00409) over 0.08 and 0.10 (Kaplan et
al. 2020, arXiv:2001.08361) to 0.34 and 0.28 (Hoffmann et al. 2022, arXiv:2203.15556), those without a floor being the smaller.
The loss of a model before training exceeds the floor by 2 to 3.7 times the smallest loss.
"""

import numpy as np

from scalewright.laws.forms.form import Parameter, Prior

FLOOR = Parameter("share", Prior(0.3, 0.5), {"loss": 1.0})

EXPONENT = Parameter("exponent", Prior(float(np.log(0.3)), 0.5))

START = Parameter("coefficient", Prior(1.0, 0.3), {"loss": 1.0})


def term(**exponents: str) -> Parameter:
    """The coefficient A of a term A N^-alpha of the loss, where `exponents` says params="alpha"."""
    return Parameter("coefficient", Prior(-1.2, 1.5), {"loss": 1.0, **exponents})


def place(name: str, sd: float = 1.5) -> Parameter:
    """A place on the axis of an input, within e^sd of the centre of the data."""
    return Parameter("coefficient", Prior(0.0, sd), {name: 1.0})


def ratio(centre: float, sd: float) -> Parameter:
    """A positive number without a unit, near `centre` within a factor of e^sd."""
    return Parameter("exponent", Prior(float(np.log(centre)), sd))


def slope(sd: float, centre: float = 0.0) -> Parameter:
    """A number of either sign without a unit."""
    return Parameter("slope", Prior(centre, sd))
