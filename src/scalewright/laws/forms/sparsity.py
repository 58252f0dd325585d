"""Laws for models of which only a part of the weights is not zero, or only a part is used for each token."""

from scalewright.laws.forms.form import Form
from scalewright.laws.forms.parameters import EXPONENT, FLOOR, ratio, term

# "params" counts the weights that are not zero, "density" their share of all: 1 less the sparsity.
SPARSITY = Form(
    name="sparsity",
    formula="L = E + A (density^s + c) N^-alpha + B D^-beta, density = 1 - sparsity",
    source="Frantar et al. 2023, arXiv:2309.08520, eq. 1, with A s_0 = a_S and A c = c_S",
    inputs=("params", "tokens", "density"),
    own={
        "E": FLOOR,
        "A": term(params="alpha"),
        "B": term(tokens="beta"),
        "alpha": EXPONENT,
        "beta": EXPONENT,
        "s": ratio(0.8, 0.7),
        "c": ratio(1.0, 1.5),
    },
    law=lambda p, x: p.E + p.A * (x.density**p.s + p.c_) * x.params**-p.alpha + p.B * x.tokens**-p.beta,
    prior=1.0,
)
