"""The command `prepare`: from files or S3 to files or S3, and its errors."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from model_export.data.ingestion.formats import ACCEPTED
from tests.model_export.cli.commandline import done, nextitem
from tests.model_export.data.ingestion.preparing import content
from tests.model_export.data.ingestion.sparks import NO_JAVA, QUICK

FEW = ("--min-support", "1", "--min-session", "1", "--test-days", "2")
SPARK = ("--engine", "spark", *(f"--spark-conf={name}={value}" for name, value in QUICK.items()))


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shop") / "events.csv.gz"
    done("simulate", "--sessions", "300", "--products", "40", "--out", path)
    return path


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"events-{secrets.token_hex(4)}"  # what moto holds outlives its server
    client = boto3.client("s3")
    client.create_bucket(Bucket=name)
    client.close()
    yield name
    server.stop()


@pytest.mark.slow
def test_without_filters_prepare_writes_what_split_writes(tmp_path: Path) -> None:
    # GIVEN events with equal times, sessions in reverse order of start, and an item that only test has
    rows = [f"s{7 * (n // 10) % 40},i{n % 9},{1_600_000_000 + n // 3 * 9_000}" for n in reversed(range(400))]
    events = tmp_path / "events.csv"
    events.write_text("\n".join(["session_id,item_id,timestamp", *rows, f"late,new,{1_600_000_000 + 1_190_000}", ""]))
    # WHEN they are split, and prepared without filters
    outputs = ("--train-out", tmp_path / "train.csv", "--test-out", tmp_path / "test.csv")
    split = done("split", events, *outputs, "--json").document
    filters = ("--min-support", "0", "--min-session", "1", "--format", "csv")
    record = done("prepare", events, "--out", tmp_path / "out", *filters, "--json").document
    # THEN the files are the same, byte for byte, and so are the counts
    for side in ("train", "test"):
        assert (tmp_path / "out" / f"{side}.csv").read_bytes() == (tmp_path / f"{side}.csv").read_bytes()
        assert {name: record[side][name] for name in ("sessions", "events")}.items() <= split[side].items()
        assert split[side]["sessions"] > 5
    assert record["cutoff"] == split["cutoff"]
    # AND the record on disk is the printed one
    assert json.loads((tmp_path / "out" / "preparation.json").read_text()) == record


@pytest.mark.slow
def test_the_format_of_the_input_changes_nothing(events: Path, tmp_path: Path) -> None:
    # GIVEN the same events as CSV and as Parquet, in another order
    done("prepare", events, "--out", tmp_path / "first", *FEW, "--format", "csv")
    lines = (tmp_path / "first" / "train.csv").read_text().splitlines()
    shuffled = tmp_path / "shuffled.csv"
    shuffled.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    done("split", shuffled, "--train-out", tmp_path / "a.parquet", "--test-out", tmp_path / "b.parquet")
    # WHEN each is prepared
    filters = ("--min-support", "2", "--test-days", "1")
    done("prepare", tmp_path / "first" / "train.csv", "--out", tmp_path / "csv", *filters)
    done("prepare", tmp_path / "b.parquet", tmp_path / "a.parquet", "--out", tmp_path / "parquet", *filters)
    # THEN all files are the same, byte for byte
    assert content(tmp_path / "csv") == content(tmp_path / "parquet")


@pytest.mark.parametrize(
    "engine",
    [
        pytest.param(("--engine", "duckdb"), id="duckdb"),
        pytest.param(SPARK, marks=[pytest.mark.slow, NO_JAVA], id="spark"),
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # py4j's, as in test_spark_engine
@pytest.mark.filterwarnings("ignore:Exception ignored in.*socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.slow
def test_events_come_from_s3_and_go_there(events: Path, bucket: str, tmp_path: Path, engine: tuple[str, ...]) -> None:
    # GIVEN events under a prefix, in two files
    done("split", events, "--train-out", tmp_path / "a.csv", "--test-out", tmp_path / "b.csv")
    client = boto3.client("s3")
    for name in ("a.csv", "b.csv"):
        client.upload_file(str(tmp_path / name), bucket, f"raw/2026/{name}")
    # WHEN they are prepared from S3 to S3
    done("prepare", f"s3://{bucket}/raw", "--out", f"s3://{bucket}/prepared/1", *FEW, *engine)
    # THEN the result is that of the local file
    done("prepare", events, "--out", tmp_path / "local", *FEW)
    uploaded = {
        entry["Key"].removeprefix("prepared/1/"): client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
        for entry in client.list_objects_v2(Bucket=bucket, Prefix="prepared/1/")["Contents"]
    }
    client.close()
    assert uploaded == content(tmp_path / "local")
    # AND it is not overwritten
    again = nextitem("prepare", f"s3://{bucket}/raw", "--out", f"s3://{bucket}/prepared/1")
    assert again.fault.endswith("has a preparation.json already; name another prefix or remove it")


@pytest.mark.slow
@NO_JAVA
def test_executors_of_their_own_write_the_same_bytes(events: Path, tmp_path: Path) -> None:
    # GIVEN a Spark whose two executors are processes of their own, as on a cluster
    cluster = (*SPARK, "--spark-conf", "spark.master=local-cluster[2,1,1024]")
    # WHEN it is to prepare events, with no folder that executors and driver share
    refused = nextitem("prepare", events, *FEW, "--out", tmp_path / "none", *cluster)
    # THEN the error asks for such a folder
    assert "on a cluster Spark needs --scratch" in refused.fault
    # WHEN there is such a folder
    scratch = tmp_path / "scratch"
    program = [sys.executable, "-m", "model_export.cli", "prepare", str(events), *FEW]
    ended = subprocess.run(
        [*program, "--out", tmp_path / "cluster", *cluster, "--scratch", scratch],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    # THEN the files equal those of one process, and the executors' parts were written to that folder
    done("prepare", events, "--out", tmp_path / "local", *FEW)
    assert content(tmp_path / "cluster") == content(tmp_path / "local")
    assert list(scratch.glob("result-*/part-*.parquet"))


@pytest.mark.slow
def test_a_missing_object_or_bucket_is_named(bucket: str, tmp_path: Path) -> None:
    for address, why in (
        (f"s3://{bucket}/none", f"s3://{bucket}/none: no such object or prefix"),
        ("s3://no-such-bucket/x", "s3://no-such-bucket/x cannot be used"),
        ("s3:///x", "s3:///x names no bucket"),
    ):
        assert why in nextitem("prepare", address, "--out", tmp_path / "out").fault


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--min-support", "-1"), "--min-support must be at least 0, not -1"),
        (("--max-session", "1"), "--max-session must be at least --min-session and at most 100000, not 1"),
        (("--spark-conf", "a=b"), "--spark-conf and --scratch are for --engine spark"),
        (("--engine", "spark", "--spark-conf", "a"), "--spark-conf must be name=value, not 'a'"),
    ],
)
def test_wrong_settings_are_refused(events: Path, tmp_path: Path, arguments: tuple[str, ...], what: str) -> None:
    assert what in nextitem("prepare", events, "--out", tmp_path / "out", *arguments).fault
    assert not (tmp_path / "out").exists()


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    # No file, a file of another kind, and a folder of several kinds
    (tmp_path / "e.xml").touch()
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "a.csv").touch()
    (tmp_path / "mixed" / "b.parquet").touch()
    for name, why in (
        ("none.csv", "there is no such file or folder"),
        ("e.xml", f"the name must end in {ACCEPTED}"),
        ("mixed", "a folder must hold files of one format, this has csv and parquet"),
    ):
        assert why in nextitem("prepare", tmp_path / name, "--out", tmp_path / "out").fault


@pytest.mark.slow
def test_every_command_reads_from_s3(events: Path, bucket: str, tmp_path: Path) -> None:
    # GIVEN events under a prefix, beside objects that are no data
    client = boto3.client("s3")
    client.upload_file(str(events), bucket, "day=1/events.csv.gz")
    for key in ("_SUCCESS", "_temporary/0/part.csv.gz", "day=1/.part.csv.gz.crc"):
        client.put_object(Bucket=bucket, Key=key, Body=b"no data")
    # WHEN they are split from there, and from the file
    for name, source in (("remote", f"s3://{bucket}"), ("local", events)):
        outputs = ("--train-out", tmp_path / f"{name}.csv", "--test-out", tmp_path / f"{name}-test.csv")
        done("split", source, *outputs)
    # THEN the result is the same
    assert (tmp_path / "remote.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
    # AND an object that a prefix also names does not count twice
    twice = nextitem("prepare", f"s3://{bucket}", f"s3://{bucket}/day=1/events.csv.gz", "--out", tmp_path / "out").fault
    assert f"s3://{bucket}/day=1/events.csv.gz: is named twice" in twice
    # AND a table whose objects are not all valid is refused
    client.put_object(Bucket=bucket, Key="_delta_log/00000000000000000000.json", Body=b"{}")
    client.close()
    fault = nextitem("prepare", f"s3://{bucket}", "--out", tmp_path / "out").fault
    assert f"s3://{bucket}: is a Delta table" in fault


def test_the_table_says_what_came_in_what_each_filter_removed_and_what_remains(tmp_path: Path) -> None:
    # GIVEN a session of one event, a rare item, a bot, and an item that only test has
    days = {"a": (0, "x y x rare"), "b": (0, "y x y"), "one": (0, "x"), "bot": (0, "x y " * 5), "t": (3, "x new y")}
    lines = [
        f"{session},{item},{1_600_000_000 + 86_400 * day + second}"
        for session, (day, items) in days.items()
        for second, item in enumerate(items.split())
    ]
    path = tmp_path / "events.csv"
    path.write_text("\n".join(["session_id,item_id,timestamp", *lines, ""]))
    # WHEN it is prepared
    filters = ("--min-support", "2", "--max-session", "9", "--test-days", "1")
    shown = done("prepare", path, "--out", tmp_path / "out", *filters)
    # THEN the table says it, in 80 columns
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.out.splitlines() if "│" in line]
    assert max(map(len, shown.out.splitlines())) <= 80
    assert rows == [
        ["came in", "5", "21", "4"],
        ["sessions of more than 9 events", "-1", "-10", ""],
        ["train: sessions of fewer than 2 events", "-1", "-1", "0"],
        ["train: items of fewer than 2 events", "0", "-1", "-1"],
        ["train: sessions that became too short", "0", "0", "0"],
        ["test: items that train does not have", "0", "-1", "-1"],
        ["test: sessions of fewer than 2 events", "0", "0", "0"],
        ["train", "2", "6", "2"],
        ["test", "1", "2", ""],
    ]
