"""MLflow records a training on request (TensorBoard's files: `test_run_training`)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.entities import Run as MlflowRun
from mlflow.tracking import MlflowClient

from model_export.training.run_folder import read_run
from tests.model_export.cli.commandline import Answer, done, nextitem
from tests.model_export.event_files import write_events
from tests.model_export.tiny import cycle

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's use of SQLAlchemy 2.1


def train(folder: Path, name: str, *options: str) -> Answer:
    return done("train", folder / "events.csv", "--out", folder / name, "--epochs", "2", "--hidden", "16", *options)


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


@pytest.fixture
def quiet_sockets() -> Iterator[None]:
    """Without this, MLflow would retry for minutes to connect to port 9."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        yield


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
    assert [point.step for point in losses] == list(range(1, len(record.history) + 1))
    assert [point.value for point in losses] == pytest.approx([epoch[0] for epoch in record.history])


@pytest.mark.slow
def test_mlflow_marks_a_failed_run(home: Path) -> None:
    uri = f"sqlite:///{home / 'failed.db'}"
    options = ("--learning-rate", "1", "--temperature", "1e-43", "--mlflow", uri)
    answer = nextitem("train", home / "events.csv", "--out", home / "never", "--hidden", "16", *options)
    assert answer.code == 2
    client = MlflowClient(tracking_uri=uri)
    run = only_run(client)
    assert run.info.status == "FAILED"


@pytest.mark.usefixtures("quiet_sockets")
def test_refuses_a_server_that_does_not_answer(home: Path) -> None:
    answer = nextitem("train", home / "events.csv", "--out", home / "none", "--mlflow", "http://127.0.0.1:9")
    assert answer.fault.startswith("nextitem: MLflow at http://127.0.0.1:9 cannot be used: ")
    assert not (home / "none").exists()
