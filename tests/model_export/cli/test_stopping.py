"""Ctrl-C and SIGTERM end a command within seconds: one line says what is left, and nothing is half-written."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from bench.common.loopback_http import LoopbackHttp
from devstack.deployments import eventually
from devstack.publish import demo_artifact
from model_export.training.run_folder import write_run
from tests.model_export.cli.commandline import done, nextitem
from tests.model_export.tiny import exported, listed, random_run

pytestmark = pytest.mark.slow

PATIENCE = 60.0
"""Seconds until a command must have reached a phase, or ended: far more than it needs."""
BOTH = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with events, enough for each phase to last."""
    folder = tmp_path_factory.mktemp("shop")
    done("simulate", "--sessions", "6000", "--products", "300", "--out", folder / "events.csv")
    done("simulate", "--sessions", "300", "--products", "40", "--out", folder / "few.csv")
    return folder


@pytest.fixture
def work(shop: Path, tmp_path: Path) -> Path:
    """An empty working folder beside the events, and one for temporary files."""
    for name in ("events.csv", "few.csv"):
        (tmp_path / name).symlink_to(shop / name)
    (tmp_path / "tmp").mkdir()
    return tmp_path


class Started:
    """A command in a process of its own."""

    def __init__(self, work: Path, *arguments: str, program: str = "model_export.cli") -> None:
        self._work = work
        environment = {**os.environ, "TMPDIR": str(work / "tmp"), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", program, *arguments],
            cwd=work,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def processes(self) -> list[int]:
        """The processes that it has started."""
        return [
            int(child)
            for child in Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        ]

    def stopped_by(self, *signals: signal.Signals) -> str:
        """Send signals, and return the last line of standard error."""
        for number in signals:
            self._process.send_signal(number)
        _out, err = self._process.communicate(timeout=PATIENCE)
        assert self._process.returncode == 128 + signals[0], err
        assert "Traceback" not in err
        leftovers = [name for name in listed(self._work / "tmp") if "nextitem-" in name]
        assert leftovers == []
        return err.splitlines()[-1]

    def when(self, reached: Callable[[], object]) -> "Started":
        """Wait for a phase."""
        end = time.monotonic() + PATIENCE
        while not reached():
            assert self._process.poll() is None, self._process.communicate()
            assert time.monotonic() < end
            time.sleep(0.005)
        return self


def hidden(work: Path, part: str) -> Callable[[], bool]:
    """Whether a temporary file or folder with that in its name is there."""
    return lambda: any(path.name.startswith(".") and part in path.name for path in work.iterdir())


TRAIN = ("train", "events.csv", "--out", "run", "--hidden", "16", "--epochs", "50")


@pytest.mark.parametrize("number", BOTH)
def test_train_leaves_no_run(work: Path, number: signal.Signals) -> None:
    before = listed(work)
    running = Started(work, *TRAIN).when(hidden(work, ".run.partial"))
    assert running.stopped_by(number) == f"nextitem: stopped by {number.name}: run is not written"
    assert [name for name in listed(work) if not name.startswith("tmp/")] == before


def test_a_second_ctrl_c_does_not_break_the_clean_up(work: Path) -> None:
    running = Started(work, *TRAIN).when(hidden(work, ".run.partial"))
    line = running.stopped_by(signal.SIGINT, signal.SIGINT)
    assert line == "nextitem: stopped by SIGINT: run is not written"
    assert not any(name.startswith(".run") for name in listed(work))


def test_tune_keeps_its_trials_and_goes_on(work: Path) -> None:
    search = ("tune", "few.csv", "--out", "search", "--minutes", "5")
    running = Started(work, *search).when((work / "search" / "best.json").exists)
    line = running.stopped_by(signal.SIGTERM)
    assert line.startswith("nextitem: stopped by SIGTERM: search keeps the ")
    assert not hidden(work, ".search")()
    # The same command goes on: trial 0 is not tried again
    again = done("tune", work / "few.csv", "--out", work / "search", "--minutes", "5", "--trials", "1")
    assert "trial 0:" not in again.err


def test_two_searches_in_one_folder(work: Path) -> None:
    # GIVEN a search that runs
    search = ("tune", "few.csv", "--out", "search", "--minutes", "5")
    running = Started(work, *search).when((work / "search" / "study.db").exists)
    # WHEN another one starts in the same folder
    second = nextitem("tune", work / "absent.csv", "--out", work / "search")
    # THEN it ends before it reads events, and the first one is not disturbed
    assert second.fault.startswith(f"nextitem: another process is writing {work / 'search'}; wait for its end")
    running.when((work / "search" / "best.json").exists).stopped_by(signal.SIGINT)


@pytest.mark.parametrize("number", BOTH)
@pytest.mark.parametrize(
    ("command", "reached", "left"),
    [
        (
            ("split", "events.csv", "--train-out", "train.csv", "--test-out", "test.csv"),
            "train.csv",
            "train.csv, test.csv are not written",
        ),
        (("prepare", "events.csv", "--out", "prepared"), ".prepared.partial", "prepared is not written"),
        (
            ("simulate", "--sessions", "1000000", "--out", "more.csv", "--items-out", "items.csv"),
            "more.csv",
            "more.csv, items.csv are not written",
        ),
    ],
)
def test_data_commands_write_all_or_nothing(
    work: Path, command: tuple[str, ...], reached: str, left: str, number: signal.Signals
) -> None:
    before = listed(work)
    line = Started(work, *command).when(hidden(work, reached)).stopped_by(number)
    assert line == f"nextitem: stopped by {number.name}: {left}"
    assert listed(work) == before


@pytest.mark.parametrize("number", BOTH)
def test_batch_leaves_no_half_file_and_no_process(work: Path, number: signal.Signals) -> None:
    # GIVEN a command whose processes rank
    arguments = ("--artifact", str(demo_artifact()), "--out", "rec.parquet", "--processes", "2")
    running = Started(work, "batch", "events.csv", *arguments)
    running.when(lambda: len(running.processes()) >= 2 and hidden(work, "rec.parquet")())
    processes = running.processes()
    before = [name for name in listed(work) if not name.startswith(".")]
    # WHEN a signal comes THEN nothing is left
    assert running.stopped_by(number) == f"nextitem: stopped by {number.name}: rec.parquet is not written"
    assert [name for name in listed(work) if not name.startswith("tmp/")] == before
    eventually(lambda: not any(Path(f"/proc/{process}").exists() for process in processes), "its processes end")


@pytest.mark.parametrize("number", BOTH)
def test_export_leaves_no_half_artifact(work: Path, number: signal.Signals) -> None:
    (work / "run").mkdir()
    write_run(work / "run", random_run(4000, 64, sessions=600))
    (work / "out").mkdir()
    running = Started(work, "export", "run", "--out", "out").when(hidden(work / "out", ".nextitem-"))
    assert running.stopped_by(number) == f"nextitem: stopped by {number.name}: out has nothing new"
    assert listed(work / "out") == []


@pytest.mark.parametrize("number", BOTH)
def test_evaluate_leaves_no_half_report(work: Path, number: signal.Signals) -> None:
    done("split", work / "events.csv", "--train-out", work / "train.csv", "--test-out", work / "test.csv")
    fast = ("--hidden", "16", "--epochs", "1", "--memory-sessions", "0")
    done("train", work / "train.csv", "--out", work / "run", *fast)
    done("export", work / "run", "--out", work / "out", "--min-overlap", "0", "--max-hr-loss", "1")
    [artifact] = (work / "out").iterdir()
    before = listed(work)
    arguments = ("--events", "test.csv", "--train", "train.csv", "--ranks", "ranks.npy", "--report", "report.html")
    running = Started(work, "evaluate", str(artifact), *arguments)
    line = running.when(lambda: listed(work / "tmp")).stopped_by(number)
    assert line == f"nextitem: stopped by {number.name}: report.html, ranks.npy are not written"
    assert listed(work) == before


@pytest.mark.parametrize("number", BOTH)
def test_publish_ends_while_the_bucket_does_not_answer(work: Path, number: signal.Signals) -> None:
    # GIVEN a bucket that takes requests and never answers
    artifact = exported(random_run(), work / "out")
    asked, ended = threading.Event(), threading.Event()

    class Silent(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:  # http.server's name
            asked.set()
            ended.wait(PATIENCE)

    with LoopbackHttp(Silent) as bucket:
        keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "eu-west-1"}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**keys, "AWS_ENDPOINT_URL_S3": bucket.endpoint}.items():
                patch.setenv(name, value)
            running = Started(work, "publish", str(artifact), "--bucket", "shop").when(asked.is_set)
        # WHEN a signal comes
        line = running.stopped_by(number)
        ended.set()
    # THEN the command does not wait for the answer, and says what the bucket may hold
    assert line == (
        f"nextitem: stopped by {number.name}: "
        "uploaded files stay in the bucket, but are a version only with its manifest; publish again to go on"
    )


@pytest.mark.parametrize("number", BOTH)
def test_a_training_job_ends_with_its_commands(
    work: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    # GIVEN a SageMaker job whose training runs as a process of its own
    (work / "channel").mkdir()
    (work / "channel" / "train.csv").symlink_to(work / "events.csv")
    monkeypatch.setenv("SM_CHANNEL_TRAIN", str(work / "channel"))
    monkeypatch.setenv("SM_MODEL_DIR", str(work / "model"))
    monkeypatch.setenv("SM_HPS", '{"hidden": 16, "epochs": 50}')
    (work / "model").mkdir()
    running = Started(work, program="model_export.cli.sagemaker").when(hidden(work / "model", ".run.partial"))
    # WHEN the job is stopped
    line = running.stopped_by(number)
    # THEN its command has cleaned up before the job's process ends
    assert line == f"nextitem: stopped by {number.name}: {work / 'model'} has no model, or half of one"
    assert listed(work / "model") == []
