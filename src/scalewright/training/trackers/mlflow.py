"""Steps to an MLflow server or database."""

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from scalewright.training.trackers.tracker import FINAL, Configuration, Status, Tracker

if TYPE_CHECKING:
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

TAG = "scalewright.run"
"""Of an MLflow run: the address of ours, by which it is found again."""
BUNDLE_METRICS, BUNDLE_SECONDS = 1000, 5.0
"""A bundle is one request; MLflow takes a thousand metrics in one."""
PARAMS = 100
"""That MLflow takes in one request."""
PARAM_LENGTH = 6000
"""Characters that MLflow keeps of a parameter."""

_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    # A server that does not answer is to cost seconds of training, not the minutes that MLflow would wait.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
"""Unless the user has set them otherwise."""
_STATUS: dict[Status, str] = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}


class MlflowTracker(Tracker):
    """Writes runs into the experiment named after the study. Steps that a run has told already are not told again."""

    def __init__(self, uri: str, study: str) -> None:
        self._uri, self._study = uri, study
        self._client: MlflowClient | None = None
        self._id = ""
        self._told: dict[str, int] = {}
        self._waiting: list[Metric] = []
        self._written = 0.0
        self._last = 0

    def begin(self, run: str, configuration: Configuration) -> None:
        """Finds the run by its address, or makes it; its parameters are those it was made with."""
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        from mlflow.entities import Param
        from mlflow.tracking import MlflowClient

        client = MlflowClient(tracking_uri=self._uri)
        known = client.get_experiment_by_name(self._study)
        experiment = known.experiment_id if known else client.create_experiment(self._study)
        found = client.search_runs([experiment], f"tags.`{TAG}` = '{run}'", max_results=1)
        ours = found[0] if found else client.create_run(experiment, tags={TAG: run}, run_name=run)
        self._id = ours.info.run_id
        if found:
            client.update_run(self._id, status="RUNNING")
        params = [
            Param(name, str(value)[:PARAM_LENGTH])
            for name, value in configuration.items()
            if name not in ours.data.params
        ]
        for first in range(0, len(params), PARAMS):
            client.log_batch(self._id, params=params[first : first + PARAMS])
        self._told = {
            name: max(metric.step for metric in client.get_metric_history(self._id, name)) for name in ours.data.metrics
        }
        self._last = max(self._told.values(), default=0)
        self._client, self._waiting, self._written = client, [], time.monotonic()

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Takes note of a step, and now and then sends a bundle."""
        if self._client is None:
            return
        self._note(step, values)
        if len(self._waiting) >= BUNDLE_METRICS or time.monotonic() - self._written > BUNDLE_SECONDS:
            self._send()

    def end(self, status: Status, metrics: Mapping[str, float]) -> None:
        """Sends what is waiting and the last metrics, and closes the run."""
        if self._client is None:
            return
        final = {f"{FINAL}{name}": value for name, value in metrics.items()}
        self._note(self._last, {name: value for name, value in final.items() if name not in self._told})
        self._send()
        self._client.set_terminated(self._id, _STATUS[status])
        self._client = None

    def _note(self, step: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        self._waiting += [
            Metric(name, value, now, step) for name, value in values.items() if step > self._told.get(name, -1)
        ]
        self._last = max(step, self._last)

    def _send(self) -> None:
        assert self._client is not None, "log comes after begin"
        for first in range(0, len(self._waiting), BUNDLE_METRICS):
            self._client.log_batch(self._id, metrics=self._waiting[first : first + BUNDLE_METRICS])
        self._waiting, self._written = [], time.monotonic()
