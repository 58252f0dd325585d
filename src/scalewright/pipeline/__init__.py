"""A project's stages from data to report, cached and resumable."""

from scalewright.pipeline.estimate import Estimate, estimate
from scalewright.pipeline.outcome import Outcome
from scalewright.pipeline.project import Project, write_project
from scalewright.pipeline.run import run_project
from scalewright.pipeline.search_answers import Searched, SearchEstimate, SearchOrder
from scalewright.pipeline.searched import estimate_search, search_project
from scalewright.pipeline.watch import Silent, Watch

__all__ = [
    "Estimate",
    "Outcome",
    "Project",
    "SearchEstimate",
    "SearchOrder",
    "Searched",
    "Silent",
    "Watch",
    "estimate",
    "estimate_search",
    "run_project",
    "search_project",
    "write_project",
]
