"""The catalogue of forms."""

from scalewright.laws.forms.curves import CURVES
from scalewright.laws.forms.form import Form, Parameter, Prior
from scalewright.laws.forms.size_and_data import SIZE_AND_DATA

FORMS: dict[str, Form] = {form.name: form for form in (*SIZE_AND_DATA, *CURVES)}
"""The catalogue, by name."""

__all__ = ["FORMS", "Form", "Parameter", "Prior"]
