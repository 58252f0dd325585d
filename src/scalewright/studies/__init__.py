"""Studies: runs planned together, carried out side by side."""

from scalewright.studies.executor import Executor, LocalExecutor
from scalewright.studies.executors import LOCAL, executor_named
from scalewright.studies.ladder import LadderStudy, StudyProgress, ladder_recipe, ledger_run
from scalewright.studies.noise import Noise, seed_noise
from scalewright.studies.option_search import NOTHING, Cost, OptionSearch, SearchDesign, design_search, expected_cost
from scalewright.studies.space import Space, Value
from scalewright.studies.trials import Pruner, Trial, importance, optuna_module
from scalewright.studies.work import SpeedJob, time_job

__all__ = [
    "LOCAL",
    "NOTHING",
    "Cost",
    "Executor",
    "LadderStudy",
    "LocalExecutor",
    "Noise",
    "OptionSearch",
    "Pruner",
    "SearchDesign",
    "Space",
    "SpeedJob",
    "StudyProgress",
    "Trial",
    "Value",
    "design_search",
    "executor_named",
    "expected_cost",
    "importance",
    "ladder_recipe",
    "ledger_run",
    "optuna_module",
    "seed_noise",
    "time_job",
]
