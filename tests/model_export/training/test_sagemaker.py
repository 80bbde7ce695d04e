"""A training job as SageMaker starts it: a process of its own, told by its surroundings alone."""

import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from model_export.data.ingestion.reader import read_sessions
from model_export.training.run_folder import read_run
from model_export.training.sagemaker import commands, read_job, settings
from nextitem.errors import InputError
from nextitem.model.artifact import open_artifact
from tests.model_export.event_files import write_events
from tests.model_export.tiny import cycle

HPS = {"epochs": "2", "hidden": "16", "loss": "softmax", "window": 9, "min-overlap": "0", "max_hr_loss": 1}


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """What the job's container has in its environment."""
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


def run_job(surroundings: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "model_export.training.sagemaker", *arguments],
        env={**os.environ, **surroundings, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_job_leaves_a_run_and_an_artifact(surroundings: dict[str, str], tmp_path: Path) -> None:
    # GIVEN a job's surroundings, with two processes on its host
    # WHEN it runs, with a hyper-parameter on its command line too
    ended = run_job({**surroundings, "NEXTITEM_PROCESSES": "2"}, "--seed", "11")
    # THEN the model's folder has the run, trained as was asked
    assert ended.returncode == 0, ended.stderr
    record = read_run(tmp_path / "model" / "run").record
    wanted = {"epochs": 2, "hidden": 16, "loss": "softmax", "window": 9, "seed": 11}
    assert wanted.items() <= record.training.hyperparameters.items()
    assert record.training.data_sha256 == read_sessions(tmp_path / "train" / "events.csv").digest
    # AND one artifact, which opens
    [artifact] = (tmp_path / "model" / "artifact").iterdir()
    assert open_artifact(artifact).manifest.model.items == 40
    # AND there is no failure
    assert not (tmp_path / "output").exists()


@pytest.mark.slow
def test_two_hosts_train_one_model(surroundings: dict[str, str], tmp_path: Path) -> None:
    # GIVEN two hosts, here two addresses of this machine, each with a folder of its own for the model
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    hosts = ("127.0.0.1", "127.0.0.2")
    jobs = [
        {
            **surroundings,
            "SM_HOSTS": json.dumps(hosts),
            "SM_CURRENT_HOST": host,
            "SM_MODEL_DIR": str(tmp_path / host),
            "MASTER_PORT": port,
        }
        for host in hosts
    ]
    # WHEN both run the job
    with ThreadPoolExecutor() as both:
        first, second = both.map(run_job, jobs)
    # THEN both end well, and the first has the model
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert len(list((tmp_path / hosts[0] / "artifact").iterdir())) == 1
    assert not (tmp_path / hosts[1]).exists()


@pytest.mark.slow
def test_a_job_that_fails_says_why(surroundings: dict[str, str], tmp_path: Path) -> None:
    # GIVEN events that cannot be read
    events = tmp_path / "train" / "events.csv"
    events.write_text("session_id,item_id,timestamp\na,x,noon\n")
    # WHEN the job runs
    ended = run_job(surroundings)
    # THEN the reason is where SageMaker looks for it, and the code is not 0
    assert ended.returncode == 1
    reason = (tmp_path / "output" / "failure").read_text()
    assert reason == f"{events}, row 1, column 'timestamp': 'noon' is not a time"
    assert reason in ended.stderr


def test_hosts_meet_at_the_first(surroundings: dict[str, str]) -> None:
    # GIVEN two hosts of four processes
    both = {**surroundings, "SM_HOSTS": '["algo-2", "algo-1"]', "SM_NUM_GPUS": "4"}
    for rank, host in enumerate(("algo-1", "algo-2")):
        # WHEN one of them asks what to do
        job = read_job({**both, "SM_CURRENT_HOST": host}, [])
        train, *after = commands(job, Path("settings.json"))
        # THEN all processes meet at the first host, and each host has its own rank
        assert f"--node-rank={rank}" in train
        assert {"--nnodes=2", "--nproc-per-node=4", "--master-addr=algo-1", "--master-port=29400"} <= set(train)
        # AND only the first exports
        assert len(after) == (rank == 0)


def test_hyperparameters_are_values_again(surroundings: dict[str, str]) -> None:
    # GIVEN hyper-parameters as SageMaker hands them on, on the command line too
    job = read_job(surroundings, ["--learning-rate", "0.01", "--hidden", "32", "--item_column", "sku"])
    # WHEN they become settings
    # THEN the command line goes before SM_HPS, and texts are what they mean
    assert settings(job) == {"epochs": 2, "hidden": 32, "loss": "softmax", "window": 9, "learning_rate": 0.01}
    train, export = commands(job, Path("settings.json"))
    assert train[-2:] == ["--item-column", "sku"]
    assert export[-4:] == ["--min-overlap", "0", "--max-hr-loss", "1"]


def test_of_a_preparation_train_is_taken(surroundings: dict[str, str], tmp_path: Path) -> None:
    # GIVEN a channel with what `nextitem prepare` writes
    for name in ("train.parquet", "test.parquet", "catalogue.parquet", "preparation.json"):
        (tmp_path / "train" / name).touch()
    # WHEN a job reads it
    # THEN it takes the training events
    assert read_job(surroundings, []).events.name == "train.parquet"


@pytest.mark.parametrize(
    ("changed", "arguments", "why"),
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
def test_surroundings_that_make_no_sense_are_told(
    surroundings: dict[str, str], changed: dict[str, str], arguments: list[str], why: str
) -> None:
    # GIVEN surroundings with one thing wrong
    # WHEN a job is read from them
    # THEN the error names it
    with pytest.raises(InputError, match=why):
        read_job({**surroundings, **changed}, arguments)


def test_an_empty_channel_is_told(surroundings: dict[str, str], tmp_path: Path) -> None:
    # GIVEN a channel without events
    (tmp_path / "train" / "events.csv").unlink()
    # WHEN a job is read
    # THEN the error says so
    with pytest.raises(InputError, match="must hold one event file, or one called train; it has 0 event files"):
        read_job(surroundings, [])
