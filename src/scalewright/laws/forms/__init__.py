"""The catalogue of forms."""

from scalewright.laws.forms.form import Form, Parameter, Prior
from scalewright.laws.forms.size_and_data import CHINCHILLA, INTERACTION, KAPLAN, KAPLAN_FLOOR, POWER_MEAN

FORMS: dict[str, Form] = {form.name: form for form in (CHINCHILLA, KAPLAN, KAPLAN_FLOOR, POWER_MEAN, INTERACTION)}
"""The catalogue, by name."""

__all__ = ["FORMS", "Form", "Parameter", "Prior"]
