"""The loop and what it needs: recipe, schedule, parametrisation, precision, checkpoints."""

from scalewright.training.configuration import Measured, Trunk
from scalewright.training.loop import Trainer, train
from scalewright.training.progress import NoProgress, Progress
from scalewright.training.recipe import RECIPE_VERSION, Recipe
from scalewright.training.schedule import Schedule

__all__ = [
    "RECIPE_VERSION",
    "Measured",
    "NoProgress",
    "Progress",
    "Recipe",
    "Schedule",
    "Trainer",
    "Trunk",
    "train",
]
