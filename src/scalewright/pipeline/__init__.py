"""A project's stages from data to report, cached and resumable."""

from scalewright.pipeline.estimate import Estimate, estimate
from scalewright.pipeline.outcome import Outcome
from scalewright.pipeline.project import Project, write_project
from scalewright.pipeline.run import run_project
from scalewright.pipeline.watch import Silent, Watch

__all__ = ["Estimate", "Outcome", "Project", "Silent", "Watch", "estimate", "run_project", "write_project"]
