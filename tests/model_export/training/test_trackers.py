"""A training is followed in TensorBoard's files, and in MLflow where it is asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.entities import Run as MlflowRun
from mlflow.tracking import MlflowClient
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]  # it ships no types

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
    """Nothing listens on port 9, and MLflow would try again for minutes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        yield


def test_tensorboard_has_every_epoch(home: Path) -> None:
    # GIVEN a run
    train(home, "files")
    # WHEN TensorBoard reads its files
    found = EventAccumulator(str(home / "files" / "metrics")).Reload()
    # THEN each figure of each epoch is there
    history = read_run(home / "files").record.history
    for place, name in enumerate(("loss", "hr@20", "mrr@20")):
        points = [(point.step, point.value) for point in found.Scalars(f"validate/{name}")]
        assert points == [(n, pytest.approx(epoch[place])) for n, epoch in enumerate(history, 1)]


@pytest.mark.slow
def test_mlflow_has_settings_and_every_epoch(home: Path) -> None:
    # GIVEN MLflow's SQLite file
    uri = f"sqlite:///{home / 'ml.db'}"
    # WHEN a run is followed there
    train(home, "followed", "--mlflow", uri)
    # THEN it has a finished run of the folder's name, with what the record has
    client = MlflowClient(tracking_uri=uri)
    run = only_run(client)
    record = read_run(home / "followed").record
    assert (run.info.run_name, run.info.status) == ("followed", "FINISHED")
    assert run.data.params["hidden"] == "16"
    assert run.data.params["data_sha256"] == record.training.data_sha256
    assert run.data.metrics["validation/mrr_at_20"] == pytest.approx(record.validation["mrr@20"])
    losses = client.get_metric_history(run.info.run_id, "validate/loss")
    assert [one.step for one in losses] == list(range(1, len(record.history) + 1))
    assert [one.value for one in losses] == pytest.approx([epoch[0] for epoch in record.history])


@pytest.mark.slow
def test_a_run_that_fails_is_failed_in_mlflow(home: Path) -> None:
    # GIVEN settings under which the weights grow beyond all bounds
    uri = f"sqlite:///{home / 'failed.db'}"
    options = ("--learning-rate", "1", "--temperature", "1e-43", "--mlflow", uri)
    # WHEN they are trained with
    answer = nextitem("train", home / "events.csv", "--out", home / "never", "--hidden", "16", *options)
    # THEN MLflow says so
    assert answer.code == 2
    client = MlflowClient(tracking_uri=uri)
    run = only_run(client)
    assert run.info.status == "FAILED"


@pytest.mark.usefixtures("quiet_sockets")
def test_a_server_that_is_not_there_is_told_before_the_training(home: Path) -> None:
    # GIVEN an address where nobody listens
    # WHEN a run is to be followed there
    answer = nextitem("train", home / "events.csv", "--out", home / "none", "--mlflow", "http://127.0.0.1:9")
    # THEN that is told at once
    assert answer.fault.startswith("nextitem: MLflow at http://127.0.0.1:9 cannot be used: ")
    assert not (home / "none").exists()
