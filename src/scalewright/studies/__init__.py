"""Studies: runs planned together, carried out side by side."""

from scalewright.studies.executor import Executor, LocalExecutor
from scalewright.studies.executors import LOCAL, executor_named
from scalewright.studies.ladder import LadderStudy, StudyProgress, ladder_recipe, ledger_run
from scalewright.studies.work import SpeedJob, time_job

__all__ = [
    "LOCAL",
    "Executor",
    "LadderStudy",
    "LocalExecutor",
    "SpeedJob",
    "StudyProgress",
    "executor_named",
    "ladder_recipe",
    "ledger_run",
    "time_job",
]
