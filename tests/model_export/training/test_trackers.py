"""MLflow records a training on request (TensorBoard's files: `test_run_training`)."""

import os
import socket
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from mlflow.entities import Run as MlflowRun
from mlflow.environment_variables import (
    MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR,
    MLFLOW_HTTP_REQUEST_MAX_RETRIES,
    MLFLOW_HTTP_REQUEST_TIMEOUT,
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT,
)
from mlflow.tracking import MlflowClient

from bench.common.loopback_http import LoopbackHttp
from model_export.tracking.client import LIMITS, QUIET
from model_export.training.fit import Epoch
from model_export.training.run_folder import read_run
from model_export.training.trackers import MLflow
from nextitem.errors import InputError
from tests.model_export.cli.commandline import Answer, done, nextitem
from tests.model_export.event_files import write_events
from tests.model_export.tiny import cycle

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's use of SQLAlchemy 2.1


def train(folder: Path, name: str, *options: str) -> Answer:
    return done(
        "train",
        folder / "events.csv",
        "--out",
        folder / name,
        "--epochs",
        "2",
        "--networks",
        "1",
        "--hidden",
        "16",
        *options,
    )


def only_run(client: MlflowClient) -> MlflowRun:
    experiment = client.get_experiment_by_name("nextitem")
    assert experiment is not None
    [run] = client.search_runs([experiment.experiment_id])
    return run


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tracked")
    write_events(folder / "events.csv", cycle())
    return folder


@pytest.mark.slow
def test_mlflow_has_settings_and_every_epoch(home: Path) -> None:
    uri = f"sqlite:///{home / 'ml.db'}"
    train(home, "followed", "--mlflow", uri)
    client = MlflowClient(tracking_uri=uri)
    run = only_run(client)
    record = read_run(home / "followed").record
    assert (run.info.run_name, run.info.status) == ("followed", "FINISHED")
    assert run.data.params["hidden"] == "16"
    assert run.data.params["data_sha256"] == record.training.data_sha256
    assert run.data.metrics["validation/mrr_at_20"] == pytest.approx(record.validation["mrr@20"])
    losses = client.get_metric_history(run.info.run_id, "validate/loss")
    assert [point.step for point in losses] == list(range(1, len(record.curves[0].epochs) + 1))
    assert [point.value for point in losses] == pytest.approx([epoch[0] for epoch in record.curves[0].epochs])


@pytest.mark.slow
def test_mlflow_marks_a_failed_run(home: Path) -> None:
    uri = f"sqlite:///{home / 'failed.db'}"
    options = ("--learning-rate", "1", "--temperature", "1e-43", "--mlflow", uri)
    answer = nextitem("train", home / "events.csv", "--out", home / "never", "--hidden", "16", *options)
    assert answer.code == 2
    client = MlflowClient(tracking_uri=uri)
    run = only_run(client)
    assert run.info.status == "FAILED"


class _Broken(BaseHTTPRequestHandler):
    """Answers everything with a fault of the server."""

    def do_GET(self) -> None:  # http.server's name
        self.send_response(500)
        self.send_header("content-length", "0")
        self.end_headers()


@pytest.fixture
def few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """One try of a second: the limits are those that the user sets."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")


@pytest.mark.usefixtures("few_tries")
@pytest.mark.slow
def test_refuses_an_mlflow_that_cannot_be_used_before_events_are_read(home: Path, tmp_path: Path) -> None:
    # GIVEN a closed port, a server that never answers, one that fails, files that are no database, and other addresses
    (tmp_path / "broken.db").write_bytes(b"not a database" * 100)
    (tmp_path / "folder.db").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as silent, LoopbackHttp(_Broken) as broken:
        reasons = {
            "http://127.0.0.1:9": "Connection refused",
            f"http://127.0.0.1:{silent.getsockname()[1]}": "timed out",
            broken.endpoint: "500",
            f"sqlite:///{tmp_path}/broken.db": "file is not a database",
            f"sqlite:///{tmp_path}/folder.db": "unable to open database file",
            f"sqlite:///{tmp_path}/broken.db/ml.db": "File exists",
            "mysql://127.0.0.1:9/ml": "No module named 'MySQLdb'",
            "gopher://somewhere": "unsupported URI 'gopher://somewhere'",
        }
        # WHEN a training is to be tracked there
        # THEN one line gives the reason, and events are not even looked for
        for uri, reason in reasons.items():
            fault = nextitem("train", home / "absent.csv", "--out", home / "none", "--mlflow", uri).fault
            assert fault.startswith(f"nextitem: MLflow at {uri} cannot be used: ")
            assert reason in fault
    assert not (home / "none").exists()


def test_mlflow_is_asked_for_seconds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN no limits in the environment, as for a user
    for name in (*LIMITS, *QUIET):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError):
        MLflow("http://127.0.0.1:9", lambda _line: None)
    # THEN ours are in the variables that MLflow reads
    assert {name: os.environ[name] for name in LIMITS} == LIMITS
    variables = (MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR, MLFLOW_HTTP_REQUEST_MAX_RETRIES, MLFLOW_HTTP_REQUEST_TIMEOUT)
    assert {variable.name for variable in variables} == LIMITS.keys()
    # AND it prints nothing between the lines of a command's JSON
    assert MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.name in QUIET
    assert {name: os.environ[name] for name in QUIET} == QUIET


@pytest.mark.slow
def test_a_tracker_that_dies_is_said_once_and_not_called_again(tmp_path: Path) -> None:
    # GIVEN a run whose database is gone in the middle of a training
    said: list[str] = []
    tracker = MLflow(f"sqlite:///{tmp_path}/ml.db", said.append)
    tracker.start("run")
    tracker.epoch("validate", Epoch(1, 1.0, 0.5, 0.25))
    assert said == []
    (tmp_path / "ml.db").write_bytes(b"not a database" * 100)
    # WHEN the training goes on and ends
    for number in (2, 3):
        tracker.epoch("validate", Epoch(number, 1.0, 0.5, 0.25))
    tracker.close()
    # THEN the training has not failed, and one line has the reason
    [line] = said
    assert line.startswith(f"MLflow at sqlite:///{tmp_path}/ml.db has failed, the training goes on without it: ")
