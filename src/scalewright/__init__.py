"""scalewright: plans, trains and ships the best model that your data, machines and time can buy."""

from scalewright.errors import InputError, ScalewrightError, WorkError
from scalewright.laws import Allocation, Law, Prediction, allocate, fit
from scalewright.planning.machine_plan import MachinePlan
from scalewright.planning.request import plan

__version__ = "0.1.0"

__all__ = [
    "Allocation",
    "InputError",
    "Law",
    "MachinePlan",
    "Prediction",
    "ScalewrightError",
    "WorkError",
    "__version__",
    "allocate",
    "fit",
    "plan",
]
