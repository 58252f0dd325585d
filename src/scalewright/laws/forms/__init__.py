"""The catalogue of forms."""

from scalewright.laws.forms.added import ADDED
from scalewright.laws.forms.curves import CURVES
from scalewright.laws.forms.effective import EFFECTIVE
from scalewright.laws.forms.form import Form, Parameter, Prior
from scalewright.laws.forms.size_and_data import SIZE_AND_DATA
from scalewright.laws.forms.transferred import TRANSFERRED

FORMS: dict[str, Form] = {form.name: form for form in (*SIZE_AND_DATA, *CURVES, *EFFECTIVE, *ADDED, *TRANSFERRED)}
"""The catalogue, by name."""

__all__ = ["FORMS", "Form", "Parameter", "Prior"]
