"""Where a run's steps are shown on their way: the ledger, MLflow, TensorBoard, Weights & Biases."""

from scalewright.training.trackers.forgiving import Forgiving
from scalewright.training.trackers.ledger import LedgerTracker
from scalewright.training.trackers.named import check_tracker, tracker_named
from scalewright.training.trackers.several import Several
from scalewright.training.trackers.tracked import Tracked
from scalewright.training.trackers.tracker import Configuration, NoTracker, Status, Tracker

__all__ = [
    "Configuration",
    "Forgiving",
    "LedgerTracker",
    "NoTracker",
    "Several",
    "Status",
    "Tracked",
    "Tracker",
    "check_tracker",
    "tracker_named",
]
