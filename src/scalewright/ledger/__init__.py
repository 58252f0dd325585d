"""Runs, forecasts and artefacts, kept in SQLite by default or in any database with a URL."""

from scalewright.ledger.grouping import SEARCHES, options_of, trunk_of
from scalewright.ledger.ledger import Ledger
from scalewright.ledger.metric_log import MetricLog
from scalewright.ledger.tables import Artefact, Forecast, Metric, Role, Run, Tuning
from scalewright.ledger.track_record import TrackRecord, track_record

__all__ = [
    "SEARCHES",
    "Artefact",
    "Forecast",
    "Ledger",
    "Metric",
    "MetricLog",
    "Role",
    "Run",
    "TrackRecord",
    "Tuning",
    "options_of",
    "track_record",
    "trunk_of",
]
