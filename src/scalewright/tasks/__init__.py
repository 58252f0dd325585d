"""What a task is, and the tasks there are."""

from scalewright.errors import InputError
from scalewright.tasks.language import STANDARD_LIBRARY, Language
from scalewright.tasks.task import Expected, Task

TASKS: dict[str, Task] = {task.name: task for task in (Language(),)}


def task_named(name: str) -> Task:
    """The task of that name.

    Raises:
        InputError: there is none.
    """
    if name not in TASKS:
        raise InputError(f"task {name!r}: expected one of {', '.join(TASKS)}")
    return TASKS[name]


__all__ = ["STANDARD_LIBRARY", "TASKS", "Expected", "Language", "Task", "task_named"]
