"""Law, architecture, machine and budget make a plan; no torch, no ledger."""

from scalewright.planning.choice import Budget, candidates, choose
from scalewright.planning.given import BY_THE_RULES, Given
from scalewright.planning.ladder import Ladder, Rung, trunk_steps
from scalewright.planning.layout import Order, design_ladder
from scalewright.planning.plan import Candidate, Ideal, Interval, Plan
from scalewright.planning.prices import UNMEASURED, Prices
from scalewright.planning.processor_memory import memory_bytes
from scalewright.planning.recipe import RECIPE_VERSION, Recipe
from scalewright.planning.rules import first_guess, first_settings
from scalewright.planning.shapes import nearest_shape

__all__ = [
    "BY_THE_RULES",
    "RECIPE_VERSION",
    "UNMEASURED",
    "Budget",
    "Candidate",
    "Given",
    "Ideal",
    "Interval",
    "Ladder",
    "Order",
    "Plan",
    "Prices",
    "Recipe",
    "Rung",
    "candidates",
    "choose",
    "design_ladder",
    "first_guess",
    "first_settings",
    "memory_bytes",
    "nearest_shape",
    "trunk_steps",
]
