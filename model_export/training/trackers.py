"""Records the metrics of a training: in TensorBoard's files in the run's folder, and in MLflow on request."""

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from model_export.metrics.ranking import Accuracy
from model_export.tracking.client import metric_name, open_client
from model_export.tracking.reason import reason_of
from model_export.training.fit import Epoch
from model_export.training.run_folder import METRICS, RunRecord
from nextitem.errors import InputError


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
    """A run of MLflow. When the server fails, the training goes on without it.

    Args:
        uri: address of the tracking server, or ``sqlite:///FILE``.
        on_fault: called once, with the reason, when the server fails after `start`.

    Raises:
        InputError: the server does not answer, or the file is no database.
        ModuleNotFoundError: mlflow is not installed.
    """

    def __init__(self, uri: str, on_fault: Callable[[str], None]) -> None:
        self._uri, self._on_fault = uri, on_fault
        self._run: str | None = None
        try:
            self._client, self._experiment = open_client(uri)
        except ModuleNotFoundError as error:
            if error.name == "mlflow":
                raise
            raise InputError(f"MLflow at {uri} cannot be used: {reason_of(error)}") from error
        except Exception as error:  # MLflow passes on errors of requests, SQLAlchemy, Alembic and drivers
            raise InputError(f"MLflow at {uri} cannot be used: {reason_of(error)}") from error

    def start(self, name: str) -> None:
        """Begin a run of that name."""

        def create() -> None:
            self._run = self._client.create_run(self._experiment, run_name=name).info.run_id

        self._tried(create)

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

        run, now = self._run, int(time.time() * 1000)
        if run is not None:
            self._tried(
                lambda: self._client.log_batch(
                    run,
                    metrics=[Metric(metric_name(name), value, now, step) for name, value in metrics.items()],
                    params=[Param(name, str(value)) for name, value in settings.items()],
                )
            )

    def _end(self, status: str) -> None:
        run = self._run
        if run is not None:
            self._tried(lambda: self._client.set_terminated(run, status))
        self._run = None

    def _tried(self, call: Callable[[], object]) -> None:
        """Call the server; after a fault it is not called again: each epoch would wait for it."""
        try:
            call()
        except Exception as error:  # noqa: BLE001  # as above; no fault of a tracker may end a training
            self._run = None
            self._on_fault(f"MLflow at {self._uri} has failed, the training goes on without it: {reason_of(error)}")
