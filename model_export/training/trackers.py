"""Records the metrics of a training: in TensorBoard's files in the run's folder, and in MLflow on request."""

import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from model_export.metrics.ranking import Accuracy
from model_export.training.fit import Epoch
from model_export.training.run_folder import METRICS, RunRecord
from nextitem.errors import InputError

EXPERIMENT = "nextitem"
"""MLflow's experiment, unless MLFLOW_EXPERIMENT_NAME names another."""


class Tracker(Protocol):
    """Records the metrics of one training."""

    def epoch(self, stage: str, epoch: Epoch) -> None:
        """Record the result of an epoch."""

    def blend(self, accuracy: Accuracy) -> None:
        """Record the accuracy of network and session memory together on the validation sessions."""

    def done(self, record: RunRecord) -> None:
        """Record the result of the training."""


def epoch_metrics(stage: str, epoch: Epoch) -> dict[str, float]:
    """Return the metrics of an epoch by name, without those that were not measured."""
    named = {"loss": epoch.loss, "hr@20": epoch.hr, "mrr@20": epoch.mrr}
    return {f"{stage}/{name}": value for name, value in named.items() if not math.isnan(value)}


def _blended(accuracy: Accuracy) -> dict[str, float]:
    return {"blend/hr@20": accuracy.hr, "blend/mrr@20": accuracy.mrr}


class TensorBoard:
    """Files in the folder ``metrics`` of a run."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder / METRICS))

    def epoch(self, stage: str, epoch: Epoch) -> None:
        """See `Tracker`."""
        for name, value in epoch_metrics(stage, epoch).items():
            self._writer.add_scalar(name, value, epoch.number)

    def blend(self, accuracy: Accuracy) -> None:
        """See `Tracker`."""
        for name, value in _blended(accuracy).items():
            self._writer.add_scalar(name, value)

    def done(self, record: RunRecord) -> None:
        """See `Tracker`. Nothing to do: the run's record has the result."""

    def close(self) -> None:
        """Write the rest and close the files."""
        self._writer.close()


class MLflow:
    """A run of MLflow. When the server fails, the training goes on without it, and `fault` says why.

    Args:
        uri: address of the tracking server, or ``sqlite:///FILE``.
        name: name of the run.

    Raises:
        InputError: the server does not answer.
        ModuleNotFoundError: mlflow is not installed.
    """

    def __init__(self, uri: str, name: str) -> None:
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        self._error = MlflowException
        self.fault: str | None = None
        try:
            self._client = MlflowClient(tracking_uri=uri)
            experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
            known = self._client.get_experiment_by_name(experiment)
            home = known.experiment_id if known else self._client.create_experiment(experiment)
            self._run = self._client.create_run(home, run_name=name).info.run_id
        except MlflowException as error:
            raise InputError(f"MLflow at {uri} cannot be used: {_line(error)}") from error

    def epoch(self, stage: str, epoch: Epoch) -> None:
        """See `Tracker`."""
        self._log(epoch_metrics(stage, epoch), {}, epoch.number)

    def blend(self, accuracy: Accuracy) -> None:
        """See `Tracker`."""
        self._log(_blended(accuracy), {}, 0)

    def done(self, record: RunRecord) -> None:
        """See `Tracker`."""
        training = record.training
        settings: dict[str, object] = {
            **training.hyperparameters,
            "data_sha256": training.data_sha256,
            "best_epochs": training.epochs,
        }
        self._log({f"validation/{name}": value for name, value in record.validation.items()}, settings, training.epochs)
        self._end("FINISHED")

    def close(self) -> None:
        """End the run as failed, unless it is done."""
        self._end("FAILED")

    def _log(self, metrics: dict[str, float], settings: Mapping[str, object], step: int) -> None:
        from mlflow.entities import Metric, Param

        if self.fault is not None:
            return
        now = int(time.time() * 1000)
        try:
            self._client.log_batch(
                self._run,
                metrics=[Metric(name.replace("@", "_at_"), value, now, step) for name, value in metrics.items()],
                params=[Param(name, str(value)) for name, value in settings.items()],
            )
        except self._error as error:
            self.fault = _line(error)

    def _end(self, status: str) -> None:
        if self.fault is None and self._run is not None:
            try:
                self._client.set_terminated(self._run, status)
            except self._error as error:
                self.fault = _line(error)
        self._run = None


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
