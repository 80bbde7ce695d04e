"""A SageMaker training job: a process that reads everything from its environment."""

import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from model_export.cli.sagemaker import commands, read_job, settings
from model_export.data.ingestion.reader import read_sessions
from model_export.training.run_folder import read_run
from nextitem.errors import InputError
from nextitem.model.artifact import open_artifact
from tests.model_export.event_files import write_events
from tests.model_export.tiny import cycle

HPS = {"epochs": "2", "hidden": "16", "loss": "softmax", "window": 9, "min-overlap": "0", "max_hr_loss": 1}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment variables of the job's container."""
    (tmp_path / "train").mkdir()
    write_events(tmp_path / "train" / "events.csv", cycle(items=40, sessions=200))
    return {
        "SM_CHANNEL_TRAIN": str(tmp_path / "train"),
        "SM_MODEL_DIR": str(tmp_path / "model"),
        "SM_HPS": json.dumps(HPS),
        "SM_NUM_GPUS": "0",
        "SM_HOSTS": '["algo-1"]',
        "SM_CURRENT_HOST": "algo-1",
        "NEXTITEM_FAILURE_FILE": str(tmp_path / "output" / "failure"),
    }


def run_job(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "model_export.cli.sagemaker", *arguments],
        env={**os.environ, **environment, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_job_writes_a_run_and_an_artifact(environment: dict[str, str], tmp_path: Path) -> None:
    ended = run_job({**environment, "NEXTITEM_PROCESSES": "2"}, "--seed", "11")
    assert ended.returncode == 0, ended.stderr
    record = read_run(tmp_path / "model" / "run").record
    wanted = {"epochs": 2, "hidden": 16, "loss": "softmax", "window": 9, "seed": 11}
    assert wanted.items() <= record.training.hyperparameters.items()
    assert record.training.data_sha256 == read_sessions(tmp_path / "train" / "events.csv").digest
    [artifact] = (tmp_path / "model" / "artifact").iterdir()
    assert open_artifact(artifact).manifest.model.items == 40
    assert not (tmp_path / "output").exists()


@pytest.mark.slow
def test_two_hosts_train_one_model(environment: dict[str, str], tmp_path: Path) -> None:
    # Two addresses of this machine are the hosts; each has a model folder of its own.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    hosts = ("127.0.0.1", "127.0.0.2")
    jobs = [
        {
            **environment,
            "SM_HOSTS": json.dumps(hosts),
            "SM_CURRENT_HOST": host,
            "SM_MODEL_DIR": str(tmp_path / host),
            "MASTER_PORT": port,
        }
        for host in hosts
    ]
    with ThreadPoolExecutor() as both:
        first, second = both.map(run_job, jobs)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert len(list((tmp_path / hosts[0] / "artifact").iterdir())) == 1
    assert not (tmp_path / hosts[1]).exists()


@pytest.mark.slow
def test_a_failed_job_reports_the_reason(environment: dict[str, str], tmp_path: Path) -> None:
    events = tmp_path / "train" / "events.csv"
    events.write_text("session_id,item_id,timestamp\na,x,noon\n")
    ended = run_job(environment)
    assert ended.returncode == 1
    reason = (tmp_path / "output" / "failure").read_text()
    assert reason.startswith(f"{events}, line 2, column 'timestamp': 'noon' is not a time")
    assert reason in ended.stderr


def test_processes_meet_at_the_first_host(environment: dict[str, str]) -> None:
    both = {**environment, "SM_HOSTS": '["algo-2", "algo-1"]', "SM_NUM_GPUS": "4"}
    for rank, host in enumerate(("algo-1", "algo-2")):
        job = read_job({**both, "SM_CURRENT_HOST": host}, [])
        train, *after = commands(job, Path("settings.json"))
        assert f"--node-rank={rank}" in train
        assert {"--nnodes=2", "--nproc-per-node=4", "--master-addr=algo-1", "--master-port=29400"} <= set(train)
        assert len(after) == (rank == 0)


def test_hyperparameters_get_their_types(environment: dict[str, str]) -> None:
    job = read_job(environment, ["--learning-rate", "0.01", "--hidden", "32", "--item_column", "sku"])
    assert settings(job) == {"epochs": 2, "hidden": 32, "loss": "softmax", "window": 9, "learning_rate": 0.01}
    train, export = commands(job, Path("settings.json"))
    assert train[-2:] == ["--item-column", "sku"]
    assert export[-4:] == ["--min-overlap", "0", "--max-hr-loss", "1"]


def test_a_job_takes_every_option_of_the_layout(environment: dict[str, str]) -> None:
    columns = {"preset": "otto", "session_column": ["user", "1"], "header": False, "gap_minutes": 5}
    job = read_job({**environment, "SM_HPS": json.dumps(columns)}, ["--quotes", "true", "--time_column", "3"])
    [train, _] = commands(job, Path("settings.json"))
    options = train[train.index("settings.json") + 1 :]
    assert options == [
        *("--session-column", "user", "--session-column", "1", "--time-column", "3", "--gap-minutes", "5"),
        *("--no-header", "--quotes", "--preset", "otto"),
    ]


def test_of_several_event_files_train_is_used(environment: dict[str, str], tmp_path: Path) -> None:
    for name in ("train.parquet", "test.parquet", "catalogue.parquet", "preparation.json"):
        (tmp_path / "train" / name).touch()
    assert read_job(environment, []).events.name == "train.parquet"


@pytest.mark.parametrize(
    ("changed", "arguments", "reason"),
    [
        ({"SM_MODEL_DIR": ""}, [], "SM_MODEL_DIR is not set"),
        ({"SM_HPS": "{"}, [], "SM_HPS is not JSON"),
        ({"SM_HPS": "[]"}, [], "SM_HPS must be a JSON object"),
        ({"SM_HOSTS": "[]"}, [], "SM_HOSTS must be a JSON list"),
        ({"SM_CURRENT_HOST": "algo-9"}, [], "SM_CURRENT_HOST is 'algo-9', which is not among SM_HOSTS"),
        ({"SM_NUM_GPUS": "some"}, [], "must be a number, not 'some'"),
        ({}, ["--hiden", "3"], "unknown hyper-parameter 'hiden'"),
        ({}, ["--hidden"], "hyper-parameters must be --name value, not --hidden"),
    ],
)
def test_refuses_a_wrong_environment(
    environment: dict[str, str], changed: dict[str, str], arguments: list[str], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        read_job({**environment, **changed}, arguments)


def test_a_channel_of_other_files_is_read_whole(environment: dict[str, str], tmp_path: Path) -> None:
    assert read_job(environment, []).events == tmp_path / "train"


def test_two_files_called_train_are_refused(environment: dict[str, str], tmp_path: Path) -> None:
    for name in ("train.parquet", "train.csv.gz"):
        (tmp_path / "train" / name).touch()
    with pytest.raises(InputError, match="has 2 files called train"):
        read_job(environment, [])
