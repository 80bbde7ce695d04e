"""Open MLflow: a tracking server, or a file of SQLite. Imported before MLflow, whose limits it sets."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXPERIMENT = "nextitem"
"""MLflow's experiment, unless MLFLOW_EXPERIMENT_NAME names another."""
SQLITE = "sqlite:///"
LIMITS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "4",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}
"""Variables of MLflow, unless they are set: with its own values it tries for minutes, and its caller waits."""
QUIET = {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
"""Likewise: a server's runs would be printed on standard output, which is a command's answer."""


def open_client(uri: str) -> "tuple[MlflowClient, str]":
    """Return a client, and the id of the experiment, which is made if there is none.

    Args:
        uri: address of the tracking server, or ``sqlite:///FILE``.

    Raises:
        ModuleNotFoundError: mlflow is not installed.
        Exception: the server does not answer, or the file is no database. MLflow passes on errors of requests,
            SQLAlchemy, Alembic and drivers; `reason_of` says what they mean.
    """
    for name, value in (LIMITS | QUIET).items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient

    _check_file(uri)
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
    known = client.get_experiment_by_name(experiment)
    return client, known.experiment_id if known else client.create_experiment(experiment)


def metric_name(name: str) -> str:
    """Return a metric's name as MLflow takes it, such as ``hr_at_20``."""
    return name.replace("@", "_at_")


def _check_file(uri: str) -> None:
    """Open the file of a SQLite address: MLflow itself would try again for two minutes."""
    if uri.startswith(SQLITE):
        path = Path(uri.removeprefix(SQLITE).partition("?")[0])
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as database:
            database.execute("SELECT count(*) FROM sqlite_master")
