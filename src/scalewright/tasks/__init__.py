"""What a task is, and the tasks there are."""

from scalewright.errors import InputError
from scalewright.tasks.evaluation import ALONE, Among, evaluate, score
from scalewright.tasks.images import Images
from scalewright.tasks.language import STANDARD_LIBRARY, Language
from scalewright.tasks.task import Batch, Expected, Feed, HeldOut, Prepared, Rates, Scores, Task, Trainable

TASKS: dict[str, Task] = {task.name: task for task in (Language(),)}
"""Those of the whole line."""
TRAINABLE: dict[str, Trainable] = TASKS | {task.name: task for task in (Images(),)}
"""Those whose models can be trained."""


def task_named(name: str) -> Task:
    """The task of that name.

    Raises:
        InputError: there is none that the whole line can do.
    """
    if name not in TASKS:
        raise InputError(f"task {name!r}: expected one of {', '.join(TASKS)}")
    return TASKS[name]


def trainable_named(name: str) -> Trainable:
    """The task of that name, as a trainer sees it.

    Raises:
        InputError: there is none.
    """
    if name not in TRAINABLE:
        raise InputError(f"task {name!r}: expected one of {', '.join(TRAINABLE)}")
    return TRAINABLE[name]


__all__ = [
    "ALONE",
    "STANDARD_LIBRARY",
    "TASKS",
    "TRAINABLE",
    "Among",
    "Batch",
    "Expected",
    "Feed",
    "HeldOut",
    "Images",
    "Language",
    "Prepared",
    "Rates",
    "Scores",
    "Task",
    "Trainable",
    "evaluate",
    "score",
    "task_named",
    "trainable_named",
]
