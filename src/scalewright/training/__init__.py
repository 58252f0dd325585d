"""The loop and what it needs: schedule, optimisers, averaging, precision, checkpoints."""

from scalewright.training.configuration import Measured, Trunk
from scalewright.training.loop import train
from scalewright.training.progress import NoProgress, Progress
from scalewright.training.schedule import Schedule
from scalewright.training.trainer import Trainer

__all__ = [
    "Measured",
    "NoProgress",
    "Progress",
    "Schedule",
    "Trainer",
    "Trunk",
    "train",
]
